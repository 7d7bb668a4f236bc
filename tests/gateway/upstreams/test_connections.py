"""The listener of a connection."""

import asyncio

from gateway.upstreams.connections import TrackedProtocol, UpstreamConnection


async def test_a_reused_connection_keeps_the_listener_of_the_newer_request() -> None:
    first, second = UpstreamConnection(), UpstreamConnection()
    protocol = TrackedProtocol(asyncio.get_running_loop())
    called: list[str] = []

    def by_first(_read: bytes) -> None:
        called.append("first")

    def by_second(_read: bytes) -> None:
        called.append("second")

    for connection, listener in ((first, by_first), (second, by_second)):
        connection.attach(protocol)
        connection.set_listener(listener)
    first.remove_listener(by_first)
    protocol.connection_lost(None)
    assert called == ["second"]
