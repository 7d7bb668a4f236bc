"""Encoding of events."""

from gateway.protocol.events import (
    Chunk,
    encode,
)


def test_text_is_encoded_as_compact_json() -> None:
    assert encode(Chunk('é "\n')) == '{"type":"chunk","content":"é \\"\\n"}'.encode()
