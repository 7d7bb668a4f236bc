"""The events of the console: applied to the snapshot, the changes give the newest view."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.console.changes import change_frame, snapshot_frame
from gateway.api.console.view import View
from tests.gateway.api.console.views import GATEWAY, row

OLD = View(1.0, [GATEWAY], {"a": row("a", 2), "b": row("b", 1)}, 0, {"x": {"id": "x"}})


def event(frame: bytes) -> tuple[str, Any]:
    name, data = frame.decode().removesuffix("\n\n").split("\n")
    return name.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))


def test_the_first_event_has_everything_that_runs() -> None:
    name, data = event(snapshot_frame(OLD))
    assert name == "snapshot"
    assert (data["time"], data["omitted"], len(data["gateways"])) == (1.0, 0, 1)
    assert [one["id"] for one in data["running"]] == ["a", "b"]
    assert data["running"][0] == asdict(OLD.running["a"])


def test_nothing_is_sent_if_nothing_differs() -> None:
    assert change_frame(OLD, replace(OLD, time=2.0)) == b""


def test_only_what_differs_is_sent() -> None:
    running = {"c": row("c", 3), "a": replace(OLD.running["a"], chars=5, viewers={"sse": 1})}
    new = View(2.0, [GATEWAY], running, 4, {"y": {"id": "y"}, "x": {"id": "x"}})
    assert event(change_frame(OLD, new)) == (
        "change",
        {
            "time": 2.0,
            "running": [asdict(running["c"]), {"id": "a", "chars": 5, "viewers": {"sse": 1}}],
            "gone": ["b"],
            "omitted": 4,
            "ended": [{"id": "y"}],
        },
    )


def test_the_gateways_are_sent_together() -> None:
    new = replace(OLD, gateways=[replace(GATEWAY, streams=1)])
    assert event(change_frame(OLD, new)) == ("change", {"time": 1.0, "gateways": [asdict(new.gateways[0])]})


ROWS = st.dictionaries(st.sampled_from("abcd"), st.tuples(st.integers(0, 3), st.sampled_from(["waiting", "streaming"])))


@given(st.lists(ROWS, min_size=1, max_size=6))
def test_the_changes_lead_from_one_view_to_the_next(steps: list[Mapping[str, tuple[int, str]]]) -> None:
    views = [
        View(0.0, (), {name: row(name, chars=chars, state=state) for name, (chars, state) in step.items()})
        for step in steps
    ]
    shown = {one["id"]: one for one in event(snapshot_frame(views[0]))[1]["running"]}
    for old, new in itertools.pairwise(views):
        if frame := change_frame(old, new):
            _, data = event(frame)
            for name in data.get("gone", ()):
                del shown[name]
            for change in data.get("running", ()):
                shown[change["id"]] = {**shown.get(change["id"], {}), **change}
        assert shown == {name: asdict(one) for name, one in new.running.items()}
