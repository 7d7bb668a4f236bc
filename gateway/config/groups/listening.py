"""Where the gateway listens, and the credentials that it accepts."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from gateway.config.checks import check_metrics_key, check_stored_keys
from gateway.config.groups.group import SettingsGroup, split_at_commas


class ListeningSettings(SettingsGroup):
    """Where the gateway listens, and the credentials that it accepts."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0: any free port.")
    workers: int = Field(
        1,
        ge=1,
        le=512,
        description=(
            "Number of processes that serve this address, to use as many cores. More than 1 need a `store` that they "
            "share."
        ),
    )
    insecure: bool = Field(
        default=False,
        description="Allow an address that other machines can reach although no credentials are required.",
    )
    keys_file: Path | None = Field(
        None,
        description=(
            "File of the accepted keys, written by `dualstream keys`. A relative path in the configuration file starts "
            "at the folder of that file."
        ),
    )
    keys: Annotated[tuple[SecretStr, ...], BeforeValidator(split_at_commas), AfterValidator(check_stored_keys)] = Field(
        (), description="Accepted keys without a file, each `name:id:hash`, separated by commas.", repr=False
    )
    metrics_key: Annotated[SecretStr | None, AfterValidator(check_metrics_key)] = Field(
        None,
        description=(
            "Key with which `GET /metrics` may be read, sent as a bearer token, without any other right. None: only "
            "keys and tokens with the role `observe` or `operate` may read it."
        ),
    )
