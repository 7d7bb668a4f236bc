"""Limits of connections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.connections import Connection, Connections
from gateway.admission.limits import AddressLimit
from gateway.net.addresses import Networks
from gateway.protocol.errors import Code, Refused


def refusal_of(connections: Connections, host: str) -> Refused:
    with pytest.raises(Refused) as refused:
        connections.admit(host)
    return refused.value


def test_connections_are_limited_per_ipv4_address_and_per_ipv6_network() -> None:
    connections = Connections(max_per_address=AddressLimit(2, 0))
    held = [connections.admit("203.0.113.1"), connections.admit("::ffff:203.0.113.1")]
    refused = refusal_of(connections, "203.0.113.1")
    assert (refused.code, refused.status, refused.retry_after_ms) == (Code.RATE_LIMIT, 429, 1000)
    held += [connections.admit("2001:db8::1"), connections.admit("2001:db8::2")]
    refusal_of(connections, "2001:db8::3")
    held.append(connections.admit("2001:db8:0:1::1"))
    held.pop(0).release()
    held.append(connections.admit("203.0.113.1"))
    for connection in held:
        connection.release()
    assert (connections.open, connections._addresses._counts) == (0, {})


def test_trusted_proxies_have_no_limit_per_address() -> None:
    connections = Connections(max_per_address=AddressLimit(1, 0), trusted_proxies=Networks(["10.0.0.0/8"]))
    for _ in range(10):
        connections.admit("10.0.0.1")
        connections.admit("::ffff:10.0.0.2")
    connections.admit("11.0.0.1")
    refusal_of(connections, "11.0.0.1")


def test_the_total_is_limited_for_every_address() -> None:
    connections = Connections(2, trusted_proxies=Networks(["*"]))
    first = connections.admit("127.0.0.1")
    connections.admit("10.0.0.1")
    refused = refusal_of(connections, "127.0.0.1")
    assert (refused.code, refused.status) == (Code.QUEUE_FULL, 503)
    first.release()
    connections.admit("10.0.0.1")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "::1"]), st.booleans()), max_size=60))
def test_limits_hold_and_every_connection_is_uncounted(steps: list[tuple[str, bool]]) -> None:
    connections, held = Connections(5, AddressLimit(3, 0)), dict[str, list[Connection]]()
    for host, is_opened in steps:
        of_host = held.setdefault(host, [])
        if not is_opened and of_host:
            of_host.pop().release()
        elif is_opened:
            has_room = len(of_host) < 3 and connections.open < 5
            try:
                of_host.append(connections.admit(host))
                assert has_room
            except Refused:
                assert not has_room
        assert connections.open == sum(map(len, held.values())) <= 5
    for connection in [connection for of_host in held.values() for connection in of_host]:
        connection.release()
    assert (connections.open, connections._addresses._counts) == (0, {})


def test_a_connection_without_a_file_for_it_is_refused_and_not_counted() -> None:
    connections = Connections()
    with pytest.raises(Refused, match="too many files open") as refused:
        connections.admit("10.0.0.1", has_files=False)
    assert (refused.value.code, refused.value.status, refused.value.retryable) == (Code.QUEUE_FULL, 503, True)
    assert connections.open == 0
