"""Where generations are kept, and what gateways that share a store do."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from gateway.config.checks import check_store
from gateway.config.groups.group import SettingsGroup
from gateway.store.redis.keys import check_prefix


class StoreSettings(SettingsGroup):
    """Where generations are kept, and what gateways that share a store do."""

    store: Annotated[str, AfterValidator(check_store)] = Field(
        "memory",
        description=(
            "Where generations are kept: `memory`, for a single process; or the URL of a Redis that any number of "
            "gateways share, such as `redis://redis.example:6379/0`; see docs/operations/scale-out.md."
        ),
        repr=False,
    )
    store_password: SecretStr | None = Field(None, description="Password of the store, if its URL contains none.")
    store_prefix: Annotated[str, AfterValidator(check_prefix)] = Field(
        "dualstream",
        description="What all keys in the store begin with. Deployments with different prefixes can share one Redis.",
    )
    store_delay: float = Field(
        0.2,
        gt=0,
        le=5,
        description=(
            "Longest delay in seconds after which events are written to the store: what the death of a gateway may "
            "cost. While a client reads on another gateway, it is 0.01."
        ),
    )
    store_down: Literal["refuse", "local"] = Field(
        "refuse",
        description=(
            "What happens to new generations while the store can't be used: they are refused (`refuse`), or served by "
            "their gateway alone (`local`). Those that run go on in either case."
        ),
    )
    owner_timeout: float = Field(
        5,
        ge=1,
        le=300,
        description="Maximum seconds until other gateways end, or continue, the generations of one that has died.",
    )
    on_owner_lost: Literal["fail", "continue"] = Field(
        "fail",
        description=(
            "What happens to the generations of a gateway that has died: they end with `generation_lost` and keep "
            "their text (`fail`), or another gateway begins their answer again (`continue`), for which prompts are "
            "kept in the store while they run."
        ),
    )
