"""Bodies of requests to the admin API."""

from typing import Annotated, Final

from pydantic import Field

from gateway.protocol.validation import JSON_INTEGER, MAX_INTEGER, StrictModel
from gateway.security.principals import Role

MAX_EXPIRY_DAYS: Final = 36_500
MAX_MODELS: Final = 100
MAX_MODEL_LENGTH: Final = 256
MAX_PRINCIPAL_LENGTH: Final = 512
MAX_DOLLARS: Final = 1_000_000.0

Count = Annotated[int, Field(ge=0, le=MAX_INTEGER), JSON_INTEGER]
ModelName = Annotated[str, Field(min_length=1, max_length=MAX_MODEL_LENGTH, pattern=r"^[^\x00-\x1f\x7f]+$")]
ModelNames = Annotated[list[ModelName], Field(min_length=1, max_length=MAX_MODELS)]
Roles = Annotated[list[Role], Field(max_length=2)]
ExpiryDays = Annotated[int, Field(ge=1, le=MAX_EXPIRY_DAYS), JSON_INTEGER]


class KeyLimits(StrictModel):
    """Limits of one key. Null: the general setting applies; 0: no limit. `budget_per_day` is in US dollars."""

    rate_limit_per_minute: Count | None = None
    rate_limit_burst: Annotated[int, Field(ge=1, le=MAX_INTEGER), JSON_INTEGER] | None = None
    output_tokens_per_minute: Count | None = None
    max_concurrent: Count | None = None
    budget_per_day: Annotated[float, Field(ge=0, le=MAX_DOLLARS, allow_inf_nan=False)] | None = None
    max_streams: Count | None = None


class CreateKey(StrictModel):
    """A key to create. Without `models` it may use all, without `expires_in_days` it does not expire."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            description="Of the principal: a later key of this name owns what this one has started.",
        ),
    ]
    roles: Roles = Field(default_factory=list, description="None that yours does not have.")
    models: ModelNames | None = Field(None, description="The models that it may use; null: all.")
    limits: KeyLimits = Field(KeyLimits(), description="In place of the general settings.")
    expires_in_days: ExpiryDays | None = Field(None, description="From now on; null: never.")


class ChangeKey(StrictModel):
    """What to change of a key; what is not given stays.

    `limits` replaces the limits that it names. `models`: null allows all. `expires_in_days`: from now on; null: never.
    """

    roles: Roles | None = Field(None, description="None that yours does not have.")
    models: ModelNames | None = Field(None, description="The models that it may use; null: all.")
    limits: KeyLimits | None = Field(None, description="Those that are named are replaced; null: the general setting.")
    expires_in_days: ExpiryDays | None = Field(None, description="From now on; null: never.")


class ResetBudget(StrictModel):
    """The principal whose budget is to be whole again for the rest of the day, as `GET /api/admin/budgets` names it."""

    principal: Annotated[str, Field(min_length=1, max_length=MAX_PRINCIPAL_LENGTH)]


class RaiseBudget(StrictModel):
    """A principal, and the US dollars that it may spend beyond its budget until the day ends."""

    principal: Annotated[str, Field(min_length=1, max_length=MAX_PRINCIPAL_LENGTH)]
    usd: Annotated[float, Field(gt=0, le=MAX_DOLLARS, allow_inf_nan=False)]
