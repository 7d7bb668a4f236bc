"""What no provider that is well sends: JSON nested without end, and an id that is repeated with each call."""

import pytest

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import ToolCall
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.formats.gemini import MAX_RESPONSE_ID, GenerateContentReader
from gateway.upstreams.formats.json_values import MAX_DEPTH, decode
from tests.fuzz.upstreams import NESTED, READERS


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("provider", READERS)
# orjson reads 1024 levels, Python's own recursion ends before that.
@pytest.mark.parametrize("levels", [MAX_DEPTH, 500, 990, 1010, 2000, 100_000])
def test_what_is_nested_without_end_is_the_providers_fault(provider: str, levels: int) -> None:
    for events in NESTED[provider]:
        reader = READERS[provider]()
        with pytest.raises(Failed) as failed:
            for data in (events % nested(levels)).split(b"\n\ndata: "):
                reader.read(data, [])
        assert failed.value.code is Code.UPSTREAM_PROTOCOL


def test_what_is_nested_as_deep_as_anybody_needs_is_read() -> None:
    assert decode(b'{"a":%b}' % nested(MAX_DEPTH - 1)).keys() == {"a"}
    assert decode(b'{"a":"%b"}' % nested(500)).keys() == {"a"}


def test_a_long_id_is_not_repeated_with_each_call() -> None:
    calls = b",".join([b'{"functionCall":{"name":"f"}}'] * 3)
    parts: list[UpstreamEvent] = []
    data = b'{"responseId":"%b","candidates":[{"content":{"parts":[%b]}}]}' % (b"r" * 9000, calls)
    GenerateContentReader().read(data, parts)
    ids = [part.id for part in parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert all(one is not None and len(one) < MAX_RESPONSE_ID + 20 for one in ids)
