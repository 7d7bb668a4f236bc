"""Expected chunks are from ai.google.dev/api/generate-content and from recorded responses of the service."""

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.generate_content import GenerateContentEncoder, GenerateContentFormat
from tests.gateway.simulator.formats.examples import DELTAS, SIGNATURE, encode_stream, make_response, text_script

FIRST = {"functionCall": {"name": "look", "args": {"at": "ễ"}, "id": "0b0c0d0e"}, "thoughtSignature": SIGNATURE}
SECOND = {"functionCall": {"name": "find", "args": {}, "id": "1b1c1d1e"}}
USAGE = {
    "promptTokenCount": 9,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 10,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 21,
}


def parse(line: bytes) -> object:
    assert line.startswith(b"data: ")
    assert line.endswith(b"\r\n\r\n")
    assert line.count(b"\n") == 2
    return orjson.loads(line[6:])


def response(parts: list[object], usage: dict[str, int], **more: object) -> object:
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0, **more}],
        "usageMetadata": usage,
        "modelVersion": "sim",
        "responseId": "1",
    }


def counts(candidates: int, thoughts: int) -> dict[str, int]:
    fields = {"promptTokenCount": 9, "cachedContentTokenCount": 4, "thoughtsTokenCount": thoughts}
    return (
        fields
        | ({"candidatesTokenCount": candidates} if candidates else {})
        | {"totalTokenCount": 9 + candidates + thoughts}
    )


def test_chunks_are_those_of_the_service() -> None:
    assert [parse(line) for line in encode_stream(GenerateContentEncoder(make_response("1")))] == [
        response([{"text": "Hm,", "thought": True}], counts(0, 1)),
        response([{"text": " so.", "thought": True}], counts(0, 2)),
        response([{"text": "Chào "}], counts(1, 2)),
        response([{"text": "bạn"}], counts(2, 2)),
        response([FIRST], counts(6, 2)),
        response([SECOND], counts(7, 2)),
        response([{"text": ""}], USAGE, finishReason="STOP"),
    ]


def test_whole_response_has_a_part_for_each() -> None:
    parts: list[object] = [{"text": "Hm, so.", "thought": True}, {"text": "Chào bạn"}, FIRST, SECOND]
    assert orjson.loads(GenerateContentFormat().encode_response(make_response("1"))) == response(
        parts, USAGE, finishReason="STOP"
    )


def test_signature_is_in_the_last_chunk_without_calls() -> None:
    encoder = GenerateContentEncoder(make_response("1", text_script(reasoning="Hm, so.")))
    last = parse(encode_stream(encoder, DELTAS[:4])[-1])
    assert last == response([{"text": "", "thoughtSignature": SIGNATURE}], USAGE, finishReason="STOP")


def test_truncated_response_has_its_finish_reason() -> None:
    response_object = orjson.loads(
        GenerateContentFormat().encode_response(make_response("1", text_script(finish_reason="length")))
    )
    assert response_object["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_call_is_sent_only_with_all_of_its_arguments() -> None:
    encoder = GenerateContentEncoder(make_response("1"))
    assert [encoder.delta(delta) for delta in DELTAS[4:6]] == [b"", b""]


@pytest.mark.parametrize(
    ("status", "name"), [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (500, "INTERNAL"), (503, "UNAVAILABLE")]
)
def test_error_has_the_name_of_its_status(status: int, name: str) -> None:
    error = RequestError("Do that.", status=status)
    expected = {"error": {"code": status, "message": "Do that.", "status": name}}
    assert orjson.loads(GenerateContentFormat().encode_error(error)[0]) == expected
    assert parse(GenerateContentEncoder(make_response("1")).error(error)) == expected


def test_wait_is_only_in_the_body() -> None:
    body, headers = GenerateContentFormat().encode_error(RequestError("Slow down.", status=429, retry_after=3))
    (detail,) = orjson.loads(body)["error"]["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}
    assert headers == {}
