"""Signals beside the message."""

import orjson

from gateway.dialects.ai_sdk.signals import signals
from gateway.protocol.events import Chunk, Queued


def test_a_signal_has_the_fields_of_its_event() -> None:
    (found,) = signals(Queued(3, 1500))
    assert orjson.loads(found.data) == {
        "type": "data-dualstream-queue",
        "data": {"position": 3, "etaMs": 1500},
        "transient": True,
    }


def test_content_is_no_signal() -> None:
    assert signals(Chunk("a")) == []
