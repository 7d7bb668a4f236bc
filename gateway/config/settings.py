"""All settings: on the command line, in `DUALSTREAM_…` environment variables and in a TOML file."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from gateway.config.groups.calls import CallSettings
from gateway.config.groups.clients import ClientSettings
from gateway.config.groups.group import ModelName
from gateway.config.groups.limits import LimitSettings
from gateway.config.groups.listening import ListeningSettings
from gateway.config.groups.retention import RetentionSettings
from gateway.config.groups.store import StoreSettings
from gateway.config.groups.telemetry import TelemetrySettings
from gateway.config.groups.upstream import UpstreamSettings
from gateway.config.tables import JwtTable, ModelTable, ProviderTable

VARIABLE_PREFIX: Final = "DUALSTREAM_"

NAMED_TABLES: Final = ("aliases", "providers", "models")
"""Tables of the file whose keys are names that the operator chooses."""

TABLE_SETTINGS: Final = (*NAMED_TABLES, "jwt")
"""Settings that are tables of the file and have neither a variable nor an option."""

SINGLE_UPSTREAM_SETTINGS: Final = (
    "upstream",
    "upstream_api",
    "upstream_api_key",
    "upstream_connections",
    "upstream_token_limit",
    "upstream_stream_options",
    "provider",
    "model",
)
"""Settings of a gateway with a single upstream; they cannot be combined with `[models]`."""

ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


# pydantic lists the fields of the last base first, and those of the class itself last.
class Settings(
    TelemetrySettings,
    ClientSettings,
    RetentionSettings,
    CallSettings,
    StoreSettings,
    LimitSettings,
    UpstreamSettings,
    ListeningSettings,
):
    """The settings: those of all groups, and the tables of the file."""

    model_config = ConfigDict(defer_build=False)

    aliases: dict[ModelName, ModelName] = Field({}, description="Other names of models.")
    providers: dict[ProviderName, ProviderTable] = Field({}, description="Providers in addition to the presets.")
    models: dict[ModelName, ModelTable] = Field({}, description="Models that clients may request.")
    jwt: JwtTable | None = Field(None, description="Rules for accepted JSON Web Tokens.")

    @property
    def requires_credentials(self) -> bool:
        """Return True if every client must present a key or a token."""
        return bool(self.keys or self.keys_file or self.jwt)


PLAIN_SETTINGS: Final = tuple(name for name in Settings.model_fields if name not in TABLE_SETTINGS)
"""Settings that have an environment variable each."""


def variable_name(setting: str) -> str:
    """Return the name of the environment variable of a setting."""
    return VARIABLE_PREFIX + setting.upper()
