"""JSON that no provider should send: nested deeply, or with numbers of thousands of digits."""

import pytest

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk
from gateway.upstreams.formats.json_values import MAX_DEPTH, decode
from tests.fuzz.upstreams import NESTED, READERS
from tests.gateway.upstreams.raw_server import (
    delta,
    event,
    read_failure,
    respond_stream,
)


async def test_a_number_of_thousands_of_digits_is_a_protocol_error() -> None:
    failed, events = await read_failure(respond_stream(delta(content="Once ") + event(b'{"n":%b}' % (b"1" * 5000))))
    assert failed.code is Code.UPSTREAM_PROTOCOL
    assert events == [Chunk("Once ")]


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("provider", READERS)
# orjson reads 1024 levels, Python's own recursion ends before that.
@pytest.mark.parametrize("levels", [MAX_DEPTH, 500, 990, 1010, 2000, 100_000])
def test_json_nested_too_deeply_is_a_protocol_error(provider: str, levels: int) -> None:
    for events in NESTED[provider]:
        reader = READERS[provider]()
        with pytest.raises(Failed) as failed:
            for data in (events % nested(levels)).split(b"\n\ndata: "):
                reader.read(data, [])
        assert failed.value.code is Code.UPSTREAM_PROTOCOL


def test_data_of_white_space_and_one_word_is_refused_at_once() -> None:
    with pytest.raises(Failed, match="not JSON"):
        decode(b" " * 1_000_000 + b"x")
    assert decode(b" " * 1_000_000 + b": ping \n") == decode(b" null ") == decode(b' "keep-alive"') == {}
    assert decode(b"[PING]") == decode(b"[]") == decode(b'""') == {}


def test_json_nested_up_to_the_limit_is_read() -> None:
    assert decode(b'{"a":%b}' % nested(MAX_DEPTH - 1)).keys() == {"a"}
    assert decode(b'{"a":"%b"}' % nested(500)).keys() == {"a"}
