"""The board of `dualstream top`: what the console's events say, and speeds."""

import pytest

from gateway.api.console.changes import change_frame, snapshot_frame
from gateway.api.console.view import View
from gateway.cli.top.board import MAX_ENDED, SPEED_SECONDS, Board, as_json, newest
from gateway.protocol.errors import Refused
from tests.gateway.api.console.test_changes import event
from tests.gateway.api.console.views import GATEWAY, row


def board(*rows: dict[str, object], time: float = 10.0) -> Board:
    found = Board()
    gateway = {"name": "", "here": True, "running": len(rows), "queued": 0, "viewers": 2, "max_concurrent": 50}
    found.apply("snapshot", {"time": time, "gateways": [gateway], "running": rows, "omitted": 0})
    return found


def streaming(name: str = "a", tokens: int = 0, **fields: object) -> dict[str, object]:
    given = {"id": name, "state": "streaming", "started": 5.0, "ttft_ms": 1000.0, "output_tokens": tokens}
    return {**given, "viewers": {"sse": 1}, **fields}


def test_it_follows_the_events_of_the_console() -> None:
    old = View(1.0, [GATEWAY], {"a": row("a", 2), "b": row("b", 1)}, 0, {})
    new = View(2.0, [GATEWAY], {"c": row("c", 3), "a": row("a", 2, chars=9)}, 4, {"b": {"id": "b", "end": "complete"}})
    shown = Board()
    shown.apply(*event(snapshot_frame(old)))
    assert [one.id for one in newest(shown, 9)] == ["a", "b"]
    shown.apply(*event(change_frame(old, new)))
    assert [one.id for one in newest(shown, 1)] == ["c"]
    assert shown.running.keys() == {"a", "c"}
    assert (shown.omitted, shown.time, [*shown.ended]) == (4, 2.0, [{"id": "b", "end": "complete"}])
    shown.apply("something new", {"x": 1})
    shown.apply(*event(snapshot_frame(old)))
    assert shown.running.keys() == {"a", "b"}


def test_the_speed_is_that_of_the_last_seconds() -> None:
    shown = board(streaming(tokens=40))
    # The mean since the first content, which came at 6.
    assert shown.tokens_per_s("a", 10.0) == 10
    for second in range(1, 6):
        shown.apply("change", {"time": 10.0 + second, "running": [{"id": "a", "output_tokens": 40 + 100 * second}]})
    assert shown.tokens_per_s("a", 15.0) == 100
    assert shown.totals(15.0)["tokens_per_s"] == 100
    # It stalls.
    assert shown.tokens_per_s("a", 15.0 + SPEED_SECONDS + 0.1) == 0
    shown.apply("change", {"time": 20.0, "gone": ["a"]})
    assert shown.tokens_per_s("a", 20.0) is None
    assert board(streaming(ttft_ms=None)).tokens_per_s("a", 10.0) is None


def test_totals_and_json() -> None:
    shown = board(streaming("a", viewers={"sse": 1, "websocket": 2}), streaming("b"))
    totals = shown.totals(10.0)
    assert totals["viewers_by_transport"] == {"sse": 2, "websocket": 2}
    assert (totals["running"], totals["max_concurrent"], totals["viewers"]) == (2, 50, 2)
    data = as_json(shown, 10.0)
    assert data["totals"] == totals
    assert [one["id"] for one in data["running"]] == ["a", "b"]  # type: ignore[attr-defined]
    assert Board().totals(0.0)["max_concurrent"] == 0


def test_only_the_newest_ends_are_kept() -> None:
    shown = board()
    for number in range(MAX_ENDED + 5):
        shown.apply("change", {"time": 1.0, "ended": [{"id": number}]})
    assert [end["id"] for end in shown.ended][:2] == [MAX_ENDED + 4, MAX_ENDED + 3]
    assert len(shown.ended) == MAX_ENDED


@pytest.mark.parametrize("data", [{}, {"time": 1, "running": [{}]}, {"time": "x"}, {"time": 1, "running": 1}])
def test_what_this_version_does_not_know_is_an_error(data: dict[str, object]) -> None:
    with pytest.raises(Refused, match="use one of its version"):
        Board().apply("snapshot", data)
