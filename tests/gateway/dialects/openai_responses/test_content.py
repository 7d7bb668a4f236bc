"""Which item a piece of content belongs to."""

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part, Reasoning, ToolCall
from tests.gateway.dialects.openai_responses.logs import COMPLETE, project, types


def test_parallel_calls_may_alternate() -> None:
    pieces = [
        ToolCall(0, None, None, "{"),
        ToolCall(1, None, None, "{"),
        ToolCall(0, None, None, "}"),
        ToolCall(1, None, None, "}"),
    ]
    calls = [ToolCall(0, "c0", "f", ""), ToolCall(1, "c1", "f", ""), *pieces]

    output = project([*calls, COMPLETE])[-1]["response"]["output"]

    assert [(call["call_id"], call["arguments"]) for call in output] == [("c0", "{}"), ("c1", "{}")]


def test_another_kind_of_content_ends_an_item() -> None:
    events = project([Reasoning("Hm"), Chunk("A"), ToolCall(0, "c", "f", "{}"), Chunk("B"), COMPLETE])
    assert [item["type"] for item in events[-1]["response"]["output"]] == [
        *("reasoning", "message", "function_call", "message"),
    ]
    indexes = [event["output_index"] for event in events if event["type"] == "response.output_item.done"]
    assert indexes == [0, 1, 2, 3]


def test_redacted_reasoning_of_openai_is_passed_on_and_that_of_others_is_sealed() -> None:
    ours = Part("redacted_reasoning", {"data": "gAAAA", "format": "openai-responses"})
    theirs = Part("redacted_reasoning", {"data": "x", "format": "anthropic"})
    first, second = project([Reasoning("Hm"), ours, theirs, COMPLETE])[-1]["response"]["output"]
    assert (first["encrypted_content"], first["summary"][0]["text"]) == ("gAAAA", "Hm")
    assert second["encrypted_content"].startswith("ds1.")


def test_an_image_is_the_result_of_a_generation() -> None:
    events = project([Part("image", {"media_type": "image/webp", "data": "AA=="}), COMPLETE])
    assert types(events)[2:4] == ["output_item.added", "output_item.done"]
    item = events[-1]["response"]["output"][0]
    assert (item["type"], item["result"], item["output_format"]) == ("image_generation_call", "AA==", "webp")


def test_media_with_an_address_is_a_link() -> None:
    output = project([Part("audio", {"media_type": None, "url": "https://x.example/a"}), COMPLETE])[-1]["response"][
        "output"
    ]
    assert output[0]["content"][0]["text"] == "![audio](https://x.example/a)"


def test_what_a_hosted_tool_did_is_an_item_of_its_own() -> None:
    search: JsonObject = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    parts = [Part("server_tool", {"name": "web_search_call", "block": search}), Part("server_tool", {"name": "x"})]
    output = project([*parts, Chunk("Hi"), COMPLETE])[-1]["response"]["output"]
    assert [item["id"] for item in output] == ["ws_1", "msg_1_1"]


def test_a_name_that_comes_late_begins_no_other_call() -> None:
    events = project([ToolCall(0, "c", None, "{"), ToolCall(0, None, "f", "}"), COMPLETE])
    [call] = events[-1]["response"]["output"]
    assert (call["call_id"], call["arguments"]) == ("c", "{}")


def test_calls_with_one_id_get_ids_of_their_own() -> None:
    events = project([ToolCall(0, "f", "f", "{}"), ToolCall(1, "f", "f", '{"a":1}'), COMPLETE])
    first, second = events[-1]["response"]["output"]
    assert first["call_id"] == "f"
    assert second["call_id"] == second["id"]
