"""Responses of the admin API as classes; see `response_bodies`."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gateway.api.openapi.response_bodies import Count, Problem
from gateway.security.principals import Role

KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{8}$", examples=["Xb41cQ7r"])]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Dollars = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class FailedGateway:
    """A gateway of the deployment that has not applied a change, and why."""

    gateway: str
    problem: str


@dataclass(frozen=True, slots=True)
class GatewaysChanged:
    """How many gateways of the deployment have applied a change, this one included, and which have not."""

    applied: Count
    failed: list[FailedGateway]


@dataclass(frozen=True, slots=True)
class KeyLimitValues:
    """Limits of a key. Null: the general setting applies; 0: no limit."""

    rate_limit_per_minute: Count | None
    rate_limit_burst: Count | None
    output_tokens_per_minute: Count | None
    max_concurrent: Count | None
    budget_per_day: Dollars | None
    max_streams: Count | None


@dataclass(frozen=True, slots=True)
class UseToday:
    """What a key has used on this day (UTC): generations that have ended, and what is left of its budget."""

    requests: Count
    input_tokens: Count
    output_tokens: Count
    cost_usd: Dollars
    budget_usd: Dollars | None
    budget_left_usd: float | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without the key itself. `models` null: all. `last_used` null: not that it is known.

    `editable` false: it is one of the setting `keys`, which no request can change.
    """

    id: KeyId
    name: str
    principal: str
    roles: list[Role]
    models: list[str] | None
    limits: KeyLimitValues
    created: Time | None
    expires: Time | None
    last_used: Time | None
    editable: bool
    today: UseToday


@dataclass(frozen=True, slots=True)
class ChangedKey(Key):
    """A key that was changed."""

    gateways: GatewaysChanged


@dataclass(frozen=True, slots=True)
class CreatedKey(ChangedKey):
    """A key that was created. `key` is what its holder sends; it is not shown again."""

    key: str


@dataclass(frozen=True, slots=True)
class RevokedKey:
    """A key that was revoked."""

    id: KeyId
    name: str
    gateways: GatewaysChanged


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keys, newest first. `problem` says why keys can't be created here, if they are not `editable`.

    `next` is `after` of the next page; null at the end.
    """

    keys: list[Key]
    next: KeyId | None
    editable: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class DayBudget:
    """What a principal may spend on this day, and has spent. `granted_usd`: beyond its limit, by an operator."""

    principal: str
    limit_usd: Dollars
    granted_usd: Dollars
    spent_usd: float
    left_usd: float


@dataclass(frozen=True, slots=True)
class DayBudgets:
    """The budgets of a day, those with the least left first. They are whole again at `renewed`."""

    day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    renewed: Time
    budgets: list[DayBudget]


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload has changed. Without `models`, any name is accepted."""

    models: list[str]
    changed: list[str]
    needs_restart: list[str]
    gateways: GatewaysChanged


@dataclass(frozen=True, slots=True)
class InvalidConfiguration:
    """A configuration that is not valid: its problems, as `dualstream check` prints them."""

    error: Problem
    problems: list[str]


ADMIN_RESPONSES = (
    Key,
    ChangedKey,
    CreatedKey,
    RevokedKey,
    KeyList,
    DayBudget,
    DayBudgets,
    Reloaded,
    InvalidConfiguration,
)
