"""What is expected is written down from ai.google.dev/api/generate-content and from recorded answers of the service."""

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.wires.generate_content import GenerateContent, ResponseChunks
from tests.gateway.simulator.wires.examples import DELTAS, SIGNATURE, answer, plain, played

FIRST = {"functionCall": {"name": "look", "args": {"at": "ễ"}, "id": "0b0c0d0e"}, "thoughtSignature": SIGNATURE}
SECOND = {"functionCall": {"name": "find", "args": {}, "id": "1b1c1d1e"}}
USAGE = {
    "promptTokenCount": 9,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 10,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 21,
}


def read(frame: bytes) -> object:
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\r\n\r\n")
    assert frame.count(b"\n") == 2
    return orjson.loads(frame[6:])


def response(parts: list[object], usage: dict[str, int], **more: object) -> object:
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0, **more}],
        "usageMetadata": usage,
        "modelVersion": "sim",
        "responseId": "1",
    }


def counts(candidates: int, thoughts: int) -> dict[str, int]:
    told = {"promptTokenCount": 9, "cachedContentTokenCount": 4, "thoughtsTokenCount": thoughts}
    return (
        told
        | ({"candidatesTokenCount": candidates} if candidates else {})
        | {"totalTokenCount": 9 + candidates + thoughts}
    )


def test_chunks_are_those_of_the_service() -> None:
    assert [read(frame) for frame in played(ResponseChunks(answer("1")))] == [
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
    assert orjson.loads(GenerateContent().whole(answer("1"))) == response(parts, USAGE, finishReason="STOP")


def test_signature_comes_last_where_there_is_no_call() -> None:
    frames = ResponseChunks(answer("1", plain(reasoning="Hm, so.")))
    last = read(played(frames, DELTAS[:4])[-1])
    assert last == response([{"text": "", "thoughtSignature": SIGNATURE}], USAGE, finishReason="STOP")


def test_answer_cut_off_says_so() -> None:
    whole = orjson.loads(GenerateContent().whole(answer("1", plain(finish_reason="length"))))
    assert whole["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_call_without_all_of_its_arguments_does_not_come() -> None:
    frames = ResponseChunks(answer("1"))
    assert [frames.delta(delta) for delta in DELTAS[4:6]] == [b"", b""]


@pytest.mark.parametrize(
    ("status", "name"), [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (500, "INTERNAL"), (503, "UNAVAILABLE")]
)
def test_error_has_the_name_of_its_status(status: int, name: str) -> None:
    error = RequestError("Do that.", status=status)
    expected = {"error": {"code": status, "message": "Do that.", "status": name}}
    assert orjson.loads(GenerateContent().refusal(error)[0]) == expected
    assert read(ResponseChunks(answer("1")).error(error)) == expected


def test_wait_is_told_in_the_body_alone() -> None:
    body, headers = GenerateContent().refusal(RequestError("Slow down.", status=429, retry_after=3))
    (detail,) = orjson.loads(body)["error"]["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}
    assert headers == {}
