"""Host names are resolved side by side, in threads that nothing waits for."""

import asyncio
import socket
import threading

import pytest

from gateway.net.resolver import ThreadResolver


async def test_the_addresses_of_a_name_in_the_hosts_file() -> None:
    found = await ThreadResolver().resolve("localhost", 80, socket.AF_INET)
    assert {(entry["host"], entry["port"], entry["hostname"]) for entry in found} == {("127.0.0.1", 80, "localhost")}


async def test_the_only_ipv6_address_of_this_machine_may_be_loopback() -> None:
    found = await ThreadResolver().resolve("::1", 80, socket.AF_UNSPEC)
    assert [entry["host"] for entry in found] == ["::1"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "a..b"])
async def test_a_name_that_does_not_exist(host: str) -> None:
    with pytest.raises(socket.gaierror):
        await ThreadResolver().resolve(host, 80, socket.AF_INET)


async def test_many_names_are_resolved_at_once_by_threads_that_nothing_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stub stands for DNS servers that do not answer: it holds every thread until all are there."""
    count = 20
    together = threading.Barrier(count)

    def slow(*_arguments: object, **_options: object) -> list[object]:
        assert threading.current_thread().daemon
        together.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    resolver = ThreadResolver()
    names = [resolver.resolve(f"host-{index}.example", 80) for index in range(count)]
    assert len(await asyncio.gather(*names)) == count


async def test_a_call_that_was_given_up_changes_nothing() -> None:
    resolving = asyncio.create_task(ThreadResolver().resolve("localhost", 80))
    await asyncio.sleep(0)
    resolving.cancel()
    assert isinstance((await asyncio.gather(resolving, return_exceptions=True))[0], asyncio.CancelledError)
    await ThreadResolver().resolve("localhost", 80)
