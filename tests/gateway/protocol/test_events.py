"""Encoding of events."""

import orjson

from gateway.protocol.events import Chunk, Part, SignedReasoning, ToolCall, encode


def test_text_is_encoded_as_compact_json() -> None:
    assert encode(Chunk('é "\n')) == '{"type":"chunk","content":"é \\"\\n"}'.encode()


def test_a_tool_call_has_a_signature_only_if_there_is_one() -> None:
    call = {"type": "tool_call", "index": 0, "id": "a", "name": "n", "arguments": '"signature":null}'}
    assert orjson.loads(encode(ToolCall(0, "a", "n", '"signature":null}'))) == call
    assert orjson.loads(encode(ToolCall(0, "a", "n", '"signature":null}', "SIG"))) == {**call, "signature": "SIG"}


def test_the_fields_of_a_part_stand_beside_its_kind() -> None:
    part = Part("image", {"media_type": "image/png", "data": "aGk="})
    assert encode(part) == b'{"type":"part","kind":"image","media_type":"image/png","data":"aGk="}'
    assert part.size == len(b'{"media_type":"image/png","data":"aGk="}')


def test_signed_reasoning_is_a_reasoning_event() -> None:
    assert orjson.loads(encode(SignedReasoning("", "SIG", "anthropic"))) == {
        "type": "reasoning",
        "content": "",
        "signature": "SIG",
        "format": "anthropic",
    }
