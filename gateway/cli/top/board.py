"""What runs, as the events of the console tell it: a snapshot, then changes. Pure."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Final, cast

from gateway.protocol.errors import invalid

JsonMap = Mapping[str, object]

SPEED_SECONDS: Final = 3.0
"""Time over which the present speed is measured."""

MAX_ENDED: Final = 50
"""Number of ends that are kept."""


@dataclass(slots=True)
class Running:
    """A generation that runs. `started` is in seconds since 1970."""

    id: str
    gateway: str = ""
    principal: str = ""
    transport: str = ""
    model: str = ""
    provider: str | None = None
    state: str = ""
    started: float = 0.0
    ttft_ms: float | None = None
    output_tokens: int = 0
    queue_position: int | None = None
    cost_usd: float | None = None
    viewers: Mapping[str, int] = field(default_factory=dict)


_ROW_FIELDS: Final = frozenset(each.name for each in fields(Running))


class Board:
    """The state of the gateways and of what they run."""

    def __init__(self) -> None:
        self.time = 0.0
        """Of the last event, in seconds since 1970 of the gateway's clock."""
        self.gateways: Sequence[JsonMap] = ()
        self.running: dict[str, Running] = {}
        self.omitted = 0
        """Number of generations that run and are not listed."""
        self.ended: deque[JsonMap] = deque(maxlen=MAX_ENDED)
        """The newest ends since the start, newest first."""
        self._progress: dict[str, deque[tuple[float, int]]] = {}
        """Times and output tokens of each generation."""

    def apply(self, name: str, data: JsonMap) -> None:
        """Apply an event: `snapshot` replaces everything, `change` has what differs. Others are ignored.

        Raises:
            Refused: it has another form than this version knows.
        """
        try:
            self._apply(name, data)
        except (ValueError, TypeError, KeyError):
            message = "the console of this gateway has another form than this command knows: use one of its version"
            raise invalid(message) from None

    def _apply(self, name: str, data: JsonMap) -> None:
        if name == "snapshot":
            self.running, self._progress, self.omitted = {}, {}, 0
        elif name != "change":
            return
        self.time = float(cast("float", data["time"]))
        self.gateways = cast("Sequence[JsonMap]", data.get("gateways", self.gateways))
        self.omitted = int(cast("int", data.get("omitted", self.omitted)))
        for row in cast("Sequence[JsonMap]", data.get("running", ())):
            self._update(row)
        for generation_id in cast("Sequence[str]", data.get("gone", ())):
            self.running.pop(generation_id, None)
            self._progress.pop(generation_id, None)
        self.ended.extendleft(reversed(cast("Sequence[JsonMap]", data.get("ended", ()))))

    def tokens_per_s(self, generation_id: str, time: float) -> float | None:
        """Return the present speed of a generation at a time; None before its first content.

        Until there are two measurements, it is the mean since the first content.
        """
        progress = self._progress.get(generation_id, deque())
        if len(progress) < 2:
            return _mean_speed(self.running.get(generation_id), time)
        if time - progress[-1][0] > SPEED_SECONDS:
            # Nothing has come since.
            return 0.0
        (began, before), (ended, after) = progress[0], progress[-1]
        return max(0, after - before) / max(ended - began, 0.1)

    def totals(self, time: float) -> dict[str, object]:
        """Return the sums over all gateways."""
        speeds = (self.tokens_per_s(generation_id, time) for generation_id in self.running)
        viewers: dict[str, int] = {}
        for row in self.running.values():
            for transport, count in row.viewers.items():
                viewers[transport] = viewers.get(transport, 0) + count
        return {
            "running": self._sum("running"),
            "queued": self._sum("queued"),
            "viewers": self._sum("viewers"),
            "viewers_by_transport": viewers,
            "max_concurrent": self.gateways[0].get("max_concurrent", 0) if self.gateways else 0,
            "tokens_per_s": round(sum(speed for speed in speeds if speed is not None), 1),
        }

    def _sum(self, name: str) -> int:
        return sum(int(cast("int", gateway.get(name, 0))) for gateway in self.gateways)

    def _update(self, change: JsonMap) -> None:
        generation_id = cast("str", change["id"])
        row = self.running.get(generation_id) or Running(generation_id)
        for name in _ROW_FIELDS & change.keys():
            setattr(row, name, change[name])
        self.running[generation_id] = row
        progress = self._progress.setdefault(generation_id, deque())
        if not progress or progress[-1][1] != row.output_tokens:
            progress.append((self.time, row.output_tokens))
        while len(progress) > 2 and progress[1][0] < self.time - SPEED_SECONDS:
            progress.popleft()


def _mean_speed(row: Running | None, time: float) -> float | None:
    if row is None or row.ttft_ms is None:
        return None
    return row.output_tokens / max(time - row.started - row.ttft_ms / 1000, 0.1)


def as_json(board: Board, time: float) -> dict[str, object]:
    """Return all that is known, for programs."""
    rows = [
        {
            **{name: getattr(row, name) for name in _ROW_NAMES},
            "tokens_per_s": _rounded(board.tokens_per_s(row.id, time)),
        }
        for row in board.running.values()
    ]
    return {
        "time": board.time,
        "totals": board.totals(time),
        "gateways": [*board.gateways],
        "running": rows,
        "omitted": board.omitted,
    }


def _rounded(speed: float | None) -> float | None:
    return None if speed is None else round(speed, 1)


def newest(board: Board, count: int) -> Sequence[Running]:
    """Return the generations that were started last, newest first."""
    rows = sorted(board.running.values(), key=lambda row: row.started, reverse=True)
    return [*islice(rows, count)]


_ROW_NAMES: Final = tuple(each.name for each in fields(Running))
