"""What is counted: connections, streams, commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.command_rate import BURST_SECONDS, PER_SECOND, CommandRate
from gateway.admission.connections import Connection, Connections
from gateway.admission.limits import AddressLimit
from gateway.admission.streams import Stream, Streams
from gateway.net.addresses import Networks
from gateway.protocol.errors import Code, Refused


def refusal_of(connections: Connections, host: str) -> Refused:
    with pytest.raises(Refused) as refused:
        connections.admit(host)
    return refused.value


@pytest.mark.parametrize(
    ("max_count", "address", "limit"),
    [
        (None, "203.0.113.1", 5),
        (None, "127.0.0.1", 0),
        (None, "::1", 0),
        (None, "", 5),
        (3, "203.0.113.1", 3),
        (3, "127.0.0.1", 3),
        (0, "203.0.113.1", 0),
    ],
)
def test_a_limit_holds_for_this_machine_only_if_it_is_set(max_count: int | None, address: str, limit: int) -> None:
    assert AddressLimit(max_count, 5).limit_for(address) == limit


def test_an_address_has_so_many_connections_and_a_network_of_ipv6_is_one() -> None:
    connections = Connections(max_per_address=AddressLimit(2, 0))
    held = [connections.admit("203.0.113.1"), connections.admit("::ffff:203.0.113.1")]
    refused = refusal_of(connections, "203.0.113.1")
    assert (refused.code, refused.status, refused.retry_after_ms) == (Code.RATE_LIMIT, 429, 1000)
    held += [connections.admit("2001:db8::1"), connections.admit("2001:db8::2")]
    refusal_of(connections, "2001:db8::3")
    held.append(connections.admit("2001:db8:0:1::1"))
    held.pop(0).release()
    held.append(connections.admit("203.0.113.1"))
    for one in held:
        one.release()
    assert (connections.open, connections._addresses._counts) == (0, {})


def test_proxies_have_any_number() -> None:
    connections = Connections(max_per_address=AddressLimit(1, 0), trusted_proxies=Networks(["10.0.0.0/8"]))
    for _ in range(10):
        connections.admit("10.0.0.1")
        connections.admit("::ffff:10.0.0.2")
    connections.admit("11.0.0.1")
    refusal_of(connections, "11.0.0.1")


def test_there_are_so_many_connections_in_all_whoever_has_them() -> None:
    connections = Connections(2, trusted_proxies=Networks(["*"]))
    first = connections.admit("127.0.0.1")
    connections.admit("10.0.0.1")
    refused = refusal_of(connections, "127.0.0.1")
    assert (refused.code, refused.status) == (Code.QUEUE_FULL, 503)
    first.release()
    connections.admit("10.0.0.1")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "::1"]), st.booleans()), max_size=60))
def test_no_more_than_may_and_all_given_back(steps: list[tuple[str, bool]]) -> None:
    connections, held = Connections(5, AddressLimit(3, 0)), dict[str, list[Connection]]()
    for host, comes in steps:
        mine = held.setdefault(host, [])
        if not comes and mine:
            mine.pop().release()
        elif comes:
            free = len(mine) < 3 and connections.open < 5
            try:
                mine.append(connections.admit(host))
                assert free
            except Refused:
                assert not free
        assert connections.open == sum(map(len, held.values())) <= 5
    for one in [one for mine in held.values() for one in mine]:
        one.release()
    assert (connections.open, connections._addresses._counts) == (0, {})


def test_streams_are_counted_for_the_address_and_then_for_the_client() -> None:
    streams = Streams(max_per_address=AddressLimit(2, 0))
    alice, unknown = streams.admit("a"), streams.admit("a")
    with pytest.raises(Refused) as refused:
        streams.admit("a")
    assert (refused.value.code, refused.value.retryable, refused.value.retry_after_ms) == (Code.RATE_LIMIT, True, 5000)
    other = streams.admit("b")
    alice.claim("key:alice", 1)
    alice.claim("key:alice", 1)
    for one in (unknown, other):
        with pytest.raises(Refused) as refused:
            one.claim("key:alice", 1)
        assert "You read 1 streams already" in refused.value.message
    unknown.claim("key:bob", 1)
    alice.release()
    other.claim("key:alice", 1)
    for one in (unknown, other):
        one.release()
    assert (streams.open, streams._addresses._counts, streams._clients._counts) == (0, {}, {})


def test_a_stream_may_become_anothers_and_stays_whose_it_was_if_that_is_refused() -> None:
    streams = Streams()
    first, second = streams.admit("a"), streams.admit("a")
    first.claim("key:alice", 1)
    second.claim("address:a", 0)
    with pytest.raises(Refused):
        second.claim("key:alice", 1)
    assert second.client == "address:a"
    second.claim("key:alice", 2)
    assert streams._clients._counts == {"key:alice": 2}
    for one in (first, second):
        one.release()
    assert streams._clients._counts == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])), max_size=40))
def test_streams_never_leave_anything_behind(comers: list[tuple[str, str]]) -> None:
    streams, held = Streams(max_per_address=AddressLimit(6, 0)), list[Stream]()
    for address, client in comers:
        try:
            held.append(streams.admit(address))
        except Refused:
            continue
        if client:
            try:
                held[-1].claim(client, 4)
            except Refused:
                held.pop().release()
    assert all(count <= 4 for count in streams._clients._counts.values())
    for one in held:
        one.release()
    assert (streams.open, streams._addresses._counts, streams._clients._counts) == (0, {}, {})


def test_requests_pass_at_their_rate_and_who_waits_as_told_passes() -> None:
    rate = CommandRate(10)
    for _ in range(20):
        rate.count_request("key:alice", "", 0.0)
    with pytest.raises(Refused) as refused:
        rate.count_request("key:alice", "", 0.0)
    assert (refused.value.code, refused.value.retry_after_ms) == (Code.RATE_LIMIT, 100)
    rate.count_request("key:bob", "", 0.0)
    rate.count_request("key:alice", "", 0.1)


def test_the_rate_is_not_for_this_machine_unless_it_is_set() -> None:
    unset, slow, none = CommandRate(None), CommandRate(1), CommandRate(0)
    for _ in range(10 * PER_SECOND):
        unset.count_request("address:127.0.0.1", "127.0.0.1", 0.0)
        none.count_request("key:alice", "", 0.0)
        assert none.count_message("s", "", 0.0) is None
        assert unset.count_message("s", "127.0.0.1", 0.0) is None
    assert not unset.is_flooded("s", "127.0.0.1", 0.0)
    assert not none.is_flooded("s", "", 0.0)
    for rate, passes in ((unset, BURST_SECONDS * PER_SECOND), (slow, BURST_SECONDS)):
        for _ in range(passes):
            rate.count_request("address:203.0.113.1", "203.0.113.1", 0.0)
        with pytest.raises(Refused):
            rate.count_request("address:203.0.113.1", "203.0.113.1", 0.0)
    slow.count_request("address:127.0.0.1", "127.0.0.1", 0.0)


def test_a_socket_is_told_and_then_flooded() -> None:
    rate = CommandRate(10)
    assert [rate.count_message("s", "", 0.0) for _ in range(20)] == [None] * 20
    told = rate.count_message("s", "", 0.0)
    assert told is not None
    assert told.retry_after_ms == 200
    assert rate.count_message("s", "", (told.retry_after_ms or 0) / 1000) is None
    assert rate.count_message("other", "", 0.0) is None
    for _ in range(18):
        rate.count_message("s", "", 0.2)
    assert not rate.is_flooded("s", "", 0.2)
    rate.count_message("s", "", 0.2)
    rate.count_message("s", "", 0.2)
    assert rate.is_flooded("s", "", 0.2)
    assert not rate.is_flooded("s", "", 0.5)
    rate.forget("s")
    assert rate.count_message("s", "", 0.2) is None


def test_what_is_given_back_was_not_sent() -> None:
    rate = CommandRate(1)
    for _ in range(100):
        rate.count_message("s", "", 0.0)
        rate.refund_message("s", "", 0.0)
    assert rate.count_message("s", "", 0.0) is None
