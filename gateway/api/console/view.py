"""What the console shows at one moment. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final, Literal

from pydantic import JsonValue, TypeAdapter

MAX_ROWS: Final = 200
"""Number of running generations that are listed, the newest ones; the others are counted."""

Summary = Mapping[str, JsonValue]
"""A generation that has ended."""


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """The state of one gateway. `started` is in seconds since 1970; a `max_concurrent` of 0 is no limit.

    `name` is "" without a store. `reached`: it has answered; else these are its last known figures. `here`: it is the
    one that answers the client.
    """

    name: str
    version: str
    started: float
    draining: bool
    store: Literal["none", "up", "down"]
    running: int
    queued: int
    streams: int
    viewers: int
    max_concurrent: int
    max_queue: int
    here: bool = False
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A generation that runs. `started` is in seconds since 1970, and `viewers` are by transport.

    `chars_per_s` is the mean since the first content.
    """

    id: str
    gateway: str
    principal: str
    transport: str
    dialect: str
    model: str
    provider: str | None
    state: str
    started: float
    ttft_ms: float | None
    chars: int
    output_tokens: int
    chars_per_s: float | None
    queue_position: int | None
    attempt: int
    revision: int
    cost_usd: float | None
    viewers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """What one gateway shows: `running` are its newest generations, and `ended` those that ended since `number`.

    `number` is that of the newest end: who asks again names it.
    """

    gateway: GatewayRow
    running: Sequence[Row] = ()
    number: int = 0
    ended: Sequence[Summary] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What all gateways show, at a time in seconds since 1970. `ended` are the newest ends, newest first."""

    time: float
    gateways: Sequence[GatewayRow] = ()
    running: Mapping[str, Row] = field(default_factory=dict)
    omitted: int = 0
    ended: Mapping[str, Summary] = field(default_factory=dict)


# Built when it is first needed: most gateways show their console to no other.
@cache
def _part_adapter() -> TypeAdapter[Part]:
    return TypeAdapter(Part)


def encode_part(part: Part) -> Mapping[str, JsonValue]:
    """Encode what one gateway shows, for another one."""
    encoded: dict[str, JsonValue] = _part_adapter().dump_python(part, mode="json")
    return encoded


def decode_part(answer: Mapping[str, JsonValue]) -> Part:
    """Decode it.

    Raises:
        ValueError: a gateway of another version has answered.
    """
    part = _part_adapter().validate_python(answer)
    return replace(part, gateway=replace(part.gateway, here=False, reached=True))


def unreached(part: Part) -> Part:
    """Return the last known part of a gateway that does not answer."""
    return replace(part, gateway=replace(part.gateway, reached=False), ended=())


def combine(time: float, parts: Sequence[Part], ended: Mapping[str, Summary]) -> View:
    """Return what several gateways show together; the first part is that of this gateway."""
    rows = sorted((row for part in parts for row in part.running), key=lambda row: row.started, reverse=True)
    listed = rows[:MAX_ROWS]
    gateways = [part.gateway for part in parts]
    omitted = max(0, sum(gateway.running for gateway in gateways) - len(listed))
    return View(time, gateways, {row.id: row for row in listed}, omitted, ended)
