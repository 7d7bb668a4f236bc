"""The screen of `dualstream top`."""

import io

import pytest
from rich.console import Console

from gateway.cli.top.board import Board
from gateway.cli.top.screen import duration, render, viewers
from tests.gateway.cli.top.test_board import board, streaming

URL = "http://127.0.0.1:8080"


def text(shown: Board, width: int = 200, height: int | None = None, problem: str = "") -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    console.print(render(shown, URL, now=10.0, width=width, height=height, problem=problem))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_row_has_what_is_known() -> None:
    fields: dict[str, object] = {"model": "m", "provider": "p", "principal": "key:alice", "cost_usd": 0.5}
    lines = [" ".join(line.split()) for line in text(board(streaming("g_1", 1234, **fields)))]
    assert lines[1] == "running 1 of 50 queued 0 viewers 2 (1 sse) tokens/s 308"
    assert lines[3] == "MODEL PROVIDER PRINCIPAL STATE AGE TTFT TOKENS TOK/S COST VIEWERS ID"
    assert lines[4] == "m p key:alice streaming 5.0s 1,000 ms 1,234 308 $0.5000 1 sse g_1"


@pytest.mark.parametrize("width", [72, 80, 100, 120, 160, 200])
def test_figures_are_never_cut(width: int) -> None:
    rows = [
        streaming(str(number), model="a-model-with-a-long-name" * 4, principal="token:" + "x" * 80, provider="p" * 40)
        for number in range(3)
    ]
    lines = text(board(*rows), width)
    assert all(len(line) <= width for line in lines)
    for line in lines[4:7]:
        assert "streaming" in line
        assert "5.0s" in line
        assert "1,000 ms" in line
        assert "1 sse" in line


def test_a_list_that_is_too_long_is_cut_at_the_height_of_the_screen() -> None:
    shown = board(*(streaming(str(number), started=float(number)) for number in range(40)))
    shown.omitted = 1000
    lines = text(shown, height=20)
    assert len(lines) <= 20
    assert lines[-1] == "and 1,026 more"
    assert len(text(shown)) > 40


def test_ends_gateways_and_problems_are_shown() -> None:
    shown = board(streaming(queue_position=3, state="queued"))
    end = {"end": "error", "code": "timeout", "model": "m", "metrics": {"duration_ms": 248_000}, "usage": {}}
    shown.apply("change", {"time": 10.0, "ended": [end]})
    shown.gateways = [
        {"name": "r_1", "here": True, "store": "up"},
        {"name": "r_2", "reached": False},
        {"name": "r_3", "draining": True},
        {"name": "r_4", "store": "down"},
    ]
    lines = "\n".join(text(shown, height=40, problem="the connection was lost"))
    for part in ("the connection was lost: connecting again", "queued 3", "error timeout", "4m08s", "r_1 (here)"):
        assert part in lines
    for state in ("ready", "does not answer", "draining", "store down"):
        assert state in lines


def test_nothing_that_a_client_has_named_controls_the_terminal() -> None:
    lines = text(board(streaming(model="\x1b[2Jm\nn", principal="a\x07")))
    assert "\x1b" not in "".join(lines)
    assert "\x07" not in "".join(lines)
    assert "Nothing runs." in text(board())


def test_durations_and_viewers() -> None:
    assert [duration(seconds) for seconds in (-1, 8.24, 248, 7500)] == ["0.0s", "8.2s", "4m08s", "2h05m"]
    assert viewers({"websocket": 2, "sse": 1, "poll": 0}) == "1 sse 2 websocket"
    assert viewers({}) == "-"
