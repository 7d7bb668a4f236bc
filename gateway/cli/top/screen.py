"""The board as tables for a terminal. Pure: the caller prints what is returned."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, cast

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.chat.sanitize import safe_line
from gateway.cli.top.board import Board, JsonMap, Running, newest

FRAME_ROWS: Final = 6
"""Rows of the screen beside the lists: title, totals, heads, and blank lines."""

MAX_ENDS: Final = 5

STATE_STYLES: Final = {"streaming": "green", "queued": "yellow", "stopping": "red", "revising": "magenta"}
END_STYLES: Final = {"complete": "green", "interrupted": "yellow", "error": "red"}


class Column(NamedTuple):
    """A column of the list. It is left out if the screen is narrower than `from_width`.

    `share` is the part of the screen's width that it may have; figures have what they need.
    """

    title: str
    cell: Callable[[Running, float, float | None], str]
    right: bool = False
    from_width: int = 0
    share: float = 1.0
    style: Callable[[Running], str] = lambda _row: ""


def _state_style(row: Running) -> str:
    return STATE_STYLES.get(row.state, "")


def _state(row: Running) -> str:
    return row.state if row.queue_position is None else f"{row.state} {row.queue_position}"


COLUMNS: Final[Sequence[Column]] = (
    Column("MODEL", lambda row, _age, _speed: row.model, share=0.22),
    Column("PROVIDER", lambda row, _age, _speed: row.provider or "-", from_width=132, share=0.1),
    Column("PRINCIPAL", lambda row, _age, _speed: row.principal, from_width=100, share=0.15),
    Column("STATE", lambda row, _age, _speed: _state(row), style=_state_style),
    Column("AGE", lambda _row, age, _speed: duration(age), right=True),
    Column("TTFT", lambda row, _age, _speed: _milliseconds(row.ttft_ms), right=True, from_width=72),
    Column("TOKENS", lambda row, _age, _speed: f"{row.output_tokens:,}", right=True),
    Column("TOK/S", lambda _row, _age, speed: "-" if speed is None else f"{speed:.0f}", right=True),
    Column("COST", lambda row, _age, _speed: _dollars(row.cost_usd), right=True, from_width=116),
    Column("VIEWERS", lambda row, _age, _speed: viewers(row.viewers)),
    Column("ID", lambda row, _age, _speed: row.id, from_width=160),
)


def render(board: Board, url: str, *, now: float, width: int, height: int | None, problem: str = "") -> RenderableType:
    """Return the screen at a time in seconds since 1970, on so many columns and rows; without rows, all of the list."""
    ends = [*board.ended][:MAX_ENDS] if height is not None else []
    gateways = _gateways(board) if len(board.gateways) > 1 else None
    parts: list[RenderableType] = [_title(board, url, problem), _totals(board, now), Text()]
    if gateways is not None:
        parts += [gateways, Text()]
    used = FRAME_ROWS + (len(ends) + 2 if ends else 0) + (len(board.gateways) + 2 if gateways is not None else 0)
    rows = newest(board, len(board.running) if height is None else max(1, height - used))
    parts.append(_running(board, rows, now, width) if rows else Text("Nothing runs.", style="dim"))
    if hidden := len(board.running) - len(rows) + board.omitted:
        parts.append(Text(f"and {hidden:,} more", style="dim"))
    if ends:
        parts += [Text(), _ended(ends)]
    return Group(*parts)


def duration(seconds: float) -> str:
    """Return a duration in the two largest units: `8.2s`, `4m08s`, `2h05m`."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    return f"{minutes // 60}h{minutes % 60:02}m"


def viewers(counts: Mapping[str, int]) -> str:
    """Return the number of viewers by transport."""
    return " ".join(f"{count} {transport}" for transport, count in sorted(counts.items()) if count) or "-"


def _title(board: Board, url: str, problem: str) -> Text:
    title = Text.assemble(("dualstream top", "bold"), f"  {safe_line(url)}")
    here = next((gateway for gateway in board.gateways if gateway.get("here")), None)
    if here is not None:
        title.append(f"  {safe_line(str(here.get('version', '')))}", style="dim")
    if problem:
        title.append(f"  {safe_line(problem)}: connecting again", style="bold red")
    return title


def _totals(board: Board, now: float) -> Text:
    totals = board.totals(now)
    limit = totals["max_concurrent"]
    by_transport = viewers(cast("Mapping[str, int]", totals["viewers_by_transport"]))
    parts = [
        ("running", f"{totals['running']:,}" + (f" of {limit:,}" if limit else "")),
        ("queued", f"{totals['queued']:,}"),
        ("viewers", f"{totals['viewers']:,}" + (f" ({by_transport})" if by_transport != "-" else "")),
        ("tokens/s", f"{totals['tokens_per_s']:,.0f}"),
    ]
    text = Text()
    for name, value in parts:
        text.append(f"{name} ", style="dim")
        text.append(f"{value}   ", style="bold")
    return text


def _gateways(board: Board) -> Table:
    table = _table(("GATEWAY", False), ("RUNNING", True), ("QUEUED", True), ("STREAMS", True), ("STATE", False))
    for gateway in board.gateways:
        name = f"{gateway.get('name') or '-'}{' (here)' if gateway.get('here') else ''}"
        figures = (f"{gateway.get(field, 0):,}" for field in ("running", "queued", "streams"))
        state, style = _gateway_state(gateway)
        table.add_row(_text(name), *map(_text, figures), Text(state, style=style))
    return table


def _gateway_state(gateway: JsonMap) -> tuple[str, str]:
    if not gateway.get("reached", True):
        return "does not answer", "red"
    if gateway.get("draining"):
        return "draining", "yellow"
    return ("store down", "red") if gateway.get("store") == "down" else ("ready", "green")


def _running(board: Board, rows: Sequence[Running], now: float, width: int) -> Table:
    columns = [column for column in COLUMNS if width >= column.from_width]
    table = _table(*((column.title, column.right) for column in columns))
    for row in rows:
        speed = board.tokens_per_s(row.id, now)
        cells = [_text(column.cell(row, now - row.started, speed), column.style(row)) for column in columns]
        for column, cell in zip(columns, cells, strict=True):
            cell.truncate(max(8, int(width * column.share)), overflow="ellipsis")
        table.add_row(*cells)
    return table


def _ended(ends: Sequence[JsonMap]) -> Table:
    table = _table(("ENDED", False), ("MODEL", False), ("DURATION", True), ("TOKENS", True), ("COST", True))
    for end in ends:
        name = str(end.get("end", ""))
        metrics, usage = (cast("JsonMap", end.get(field) or {}) for field in ("metrics", "usage"))
        elapsed = cast("float | None", metrics.get("duration_ms"))
        described = f"{name} {end['code']}" if end.get("code") else name
        table.add_row(
            _text(described, END_STYLES.get(name, "")),
            _text(str(end.get("model", ""))),
            _text("-" if elapsed is None else duration(elapsed / 1000)),
            _text(_number(usage.get("output_tokens"))),
            _text(_dollars(cast("float | None", end.get("cost_usd")))),
        )
    return table


def _table(*columns: tuple[str, bool]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    for title, right in columns:
        table.add_column(title, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    return table


def _text(text: str, style: str = "") -> Text:
    return Text(safe_line(text), style=style)


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def _dollars(value: float | None) -> str:
    return "-" if value is None else f"${value:.4f}"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "-"
