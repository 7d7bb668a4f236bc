"""Limits of streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import AddressLimit
from gateway.admission.streams import Stream, Streams
from gateway.protocol.errors import Code, Refused


def test_streams_are_limited_per_address_and_per_client() -> None:
    streams = Streams(max_per_address=AddressLimit(2, 0))
    alice, unknown = streams.admit("a"), streams.admit("a")
    with pytest.raises(Refused) as refused:
        streams.admit("a")
    assert (refused.value.code, refused.value.retryable, refused.value.retry_after_ms) == (Code.RATE_LIMIT, True, 5000)
    other = streams.admit("b")
    alice.claim("key:alice", 1)
    alice.claim("key:alice", 1)
    for stream in (unknown, other):
        with pytest.raises(Refused) as refused:
            stream.claim("key:alice", 1)
        assert "You read 1 streams already" in refused.value.message
    unknown.claim("key:bob", 1)
    alice.release()
    other.claim("key:alice", 1)
    for stream in (unknown, other):
        stream.release()
    assert (streams.open, streams.addresses._counts, streams.clients._counts) == (0, {}, {})


def test_a_refused_claim_leaves_the_stream_to_its_former_client() -> None:
    streams = Streams()
    first, second = streams.admit("a"), streams.admit("a")
    first.claim("key:alice", 1)
    second.claim("address:a", 0)
    with pytest.raises(Refused):
        second.claim("key:alice", 1)
    assert second.client == "address:a"
    second.claim("key:alice", 2)
    assert streams.clients._counts == {"key:alice": 2}
    for stream in (first, second):
        stream.release()
    assert streams.clients._counts == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])), max_size=40))
def test_limits_hold_and_every_stream_is_uncounted(arrivals: list[tuple[str, str]]) -> None:
    streams, held = Streams(max_per_address=AddressLimit(6, 0)), list[Stream]()
    for address, client in arrivals:
        try:
            held.append(streams.admit(address))
        except Refused:
            continue
        if client:
            try:
                held[-1].claim(client, 4)
            except Refused:
                held.pop().release()
    assert all(count <= 4 for count in streams.clients._counts.values())
    for stream in held:
        stream.release()
    assert (streams.open, streams.addresses._counts, streams.clients._counts) == (0, {}, {})
