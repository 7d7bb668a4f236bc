"""The requests that started runs, as they are kept."""

from gateway.protocol.commands import JsonObject
from transports.chat_ui.run_inputs import RunInputs

BODY: JsonObject = {"threadId": "t", "runId": "r", "messages": [{"id": "1"}], "tools": [{}], "state": {}}


def test_what_later_events_need_is_kept() -> None:
    inputs = RunInputs(lambda _: False)
    inputs.add("g", BODY)
    assert inputs.find("g") == {"threadId": "t", "runId": "r", "messages": [{"id": "1"}]}
    inputs.forget("g")
    inputs.forget("g")
    assert inputs.find("g") is None
    assert inputs.size == 0


def test_a_request_counts_once() -> None:
    inputs = RunInputs(lambda _: False)
    added = inputs.add("g", BODY)
    assert inputs.add("g", BODY) == b""
    assert inputs.size == len(added) > 0


def test_the_oldest_make_room_unless_they_run() -> None:
    running = {"a"}
    size = 60
    inputs = RunInputs(running.__contains__, max_bytes=2 * size)
    for name in ("a", "b", "c", "d"):
        inputs.add(name, BODY)
    assert inputs.find("a") is not None
    assert inputs.find("b") is None
    assert inputs.find("d") is not None
    assert inputs.size <= 2 * size
