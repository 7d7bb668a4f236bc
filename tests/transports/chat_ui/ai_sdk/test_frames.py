"""Frames of the SDK's WebSocket."""

import orjson
import pytest

from gateway.dialects.base import ProjectedEvent
from gateway.protocol.errors import Refused
from transports.chat_ui.ai_sdk.frames import body_of, chunk_frame, next_sequence, read_frame


def test_a_frame_has_the_body_of_a_request() -> None:
    frame = read_frame(
        {
            "type": "send",
            "requestId": "r",
            "id": "c",
            "messages": [],
            "trigger": "submit-message",
            "messageId": None,
            "headers": {"Authorization": "Bearer x"},
            "body": {"model": "m", "id": "other"},
            "metadata": {"a": 1},
        }
    )
    assert frame.headers == {"authorization": "Bearer x"}
    assert body_of(frame) == {
        "model": "m",
        "id": "c",
        "messages": [],
        "trigger": "submit-message",
        "messageId": None,
    }


def test_a_chunk_has_its_number() -> None:
    found = orjson.loads(chunk_frame('r"1', 3, ProjectedEvent(b'{"type":"finish"}')))
    assert found == {"type": "chunk", "requestId": 'r"1', "sequence": 3, "chunk": {"type": "finish"}}


@pytest.mark.parametrize(("fields", "expected"), [({}, 0), ({"lastSequence": None}, 0), ({"lastSequence": 4}, 5)])
def test_the_next_chunk(fields: dict[str, int], expected: int) -> None:
    assert next_sequence(read_frame({"type": "resume", "requestId": "r", **fields})) == expected


def test_a_request_id_is_short() -> None:
    with pytest.raises(Refused, match="must have 1 to 128 characters"):
        read_frame({"type": "send", "requestId": "x" * 129})
