"""What TanStack AI's clients read beside AG-UI's events."""

from gateway.dialects.tanstack import TanStackDialect
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Reasoning, ToolCall
from tests.gateway.dialects.ag_ui.runs import (
    COMPLETE,
    INTERRUPTED,
    MESSAGES,
    REVISION,
    RUN,
    START,
    events_of,
    failed,
    types_of,
)


def tanstack(*events: object) -> list[JsonObject]:
    return events_of(events, TanStackDialect())


def test_the_end_of_a_run() -> None:
    end = tanstack(START, Chunk("a"), COMPLETE)[-1]
    assert end["finishReason"] == "stop"
    assert end["model"] == "m-1"
    assert end["outcome"] == {"type": "success"}
    assert end["usage"] == {
        "promptTokens": 21,
        "completionTokens": 9,
        "totalTokens": 30,
        "promptTokensDetails": {"cachedTokens": 8},
        "completionTokensDetails": {"reasoningTokens": 2},
    }


def test_a_stop() -> None:
    assert tanstack(Chunk("a"), INTERRUPTED)[-1]["outcome"] == {"type": "cancelled"}


def test_an_error_names_its_run() -> None:
    for code in ("server_error", "truncated"):
        end = tanstack(Chunk("a"), failed(code))[-1]
        assert (end["type"], end["code"], end["runId"], end["threadId"]) == (
            *("RUN_ERROR", code, RUN["runId"], RUN["threadId"]),
        )


def test_each_span_of_reasoning_is_a_step() -> None:
    kinds = types_of(tanstack(Reasoning("a"), Chunk("b"), COMPLETE))
    assert kinds[1:3] == ["STEP_STARTED", "REASONING_START"]
    assert kinds[5:8] == ["REASONING_MESSAGE_END", "REASONING_END", "STEP_FINISHED"]


def test_a_snapshot_is_all_that_there_is() -> None:
    events = tanstack(Reasoning("a"), REVISION, Chunk("b"), COMPLETE)
    (snapshot,) = (event for event in events if event["type"] == "MESSAGES_SNAPSHOT")
    assert snapshot["messages"] == MESSAGES


def test_a_call_interrupts_the_run() -> None:
    events = tanstack(ToolCall(0, "c", "look", '{"a":1}'), ToolCall(1, "d", "look", '{"a'), COMPLETE)
    assert [event["toolName"] for event in events if event["type"] == "TOOL_CALL_START"] == ["look", "look"]
    first, second = (event for event in events if event["type"] == "TOOL_CALL_END")
    assert first["input"] == {"a": 1}
    assert "input" not in second
    assert events[-1]["outcome"] == {
        "type": "interrupt",
        "interrupts": [
            {
                "id": "client_tool_c",
                "reason": "tanstack:client_tool_execution",
                "message": "Run the tool look.",
                "toolCallId": "c",
                "responseSchema": {},
                "metadata": {"kind": "client_tool", "toolName": "look", "input": {"a": 1}},
            }
        ],
    }
