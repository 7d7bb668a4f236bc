"""Two acceptors on one socket, in one event loop."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest

from gateway.server.workers.acceptor import Acceptor
from gateway.server.workers.connection_counts import NOT_ACCEPTING, ConnectionCounts, create_counts

SECONDS = 10


class Worker:
    """An acceptor, and the connections that it has."""

    def __init__(self, listening: socket.socket, counts: ConnectionCounts, slot: int) -> None:
        self.connections: list[Connection] = []
        self.acceptor = Acceptor(listening.dup(), counts, slot, lambda: Connection(self))


class Connection(asyncio.Protocol):
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._worker.connections.append(self)


class Clients:
    """Connections to a listening socket."""

    def __init__(self, listening: socket.socket) -> None:
        self._address = listening.getsockname()
        self._sockets: list[socket.socket] = []

    def connect(self, count: int = 1) -> None:
        self._sockets += [socket.create_connection(self._address) for _ in range(count)]

    def close(self) -> None:
        for client in self._sockets:
            client.close()


@pytest.fixture
def counts() -> Iterator[ConnectionCounts]:
    with closing(create_counts(3)) as counts:
        yield counts


@pytest.fixture
async def listening() -> AsyncIterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
async def workers(listening: socket.socket, counts: ConnectionCounts) -> AsyncIterator[list[Worker]]:
    workers = [Worker(listening, counts, slot) for slot in range(2)]
    yield workers
    for worker in workers:
        worker.acceptor.close()
        for connection in worker.connections:
            connection.transport.close()


@pytest.fixture
def clients(listening: socket.socket) -> Iterator[Clients]:
    clients = Clients(listening)
    yield clients
    clients.close()


def is_deferring(worker: Worker) -> bool:
    return worker.acceptor._timer is not None and not worker.acceptor.is_closed


async def accepted(workers: list[Worker], total: int) -> list[int]:
    """Wait until that many connections are accepted, and no worker defers; return how many each worker has.

    A worker whose deferral ends takes what waits then. On a busy machine that could be the next connection.
    """
    async with asyncio.timeout(SECONDS):
        while sum(len(worker.connections) for worker in workers) < total or any(map(is_deferring, workers)):
            await asyncio.sleep(0)
    return [len(worker.connections) for worker in workers]


async def test_connections_that_come_one_by_one_are_shared_equally(workers: list[Worker], clients: Clients) -> None:
    for total in range(1, 21):
        clients.connect()
        first, second = await accepted(workers, total)
        assert abs(first - second) <= 2
    assert sorted(await accepted(workers, 20)) in ([9, 11], [10, 10])


async def test_a_worker_with_fewer_connections_gets_the_next_ones(workers: list[Worker], clients: Clients) -> None:
    workers[0].acceptor.update(100)
    for total in range(1, 6):
        clients.connect()
        assert await accepted(workers, total) == [0, total]


async def test_a_worker_that_does_not_come_for_them_leaves_them_to_the_others(
    workers: list[Worker], clients: Clients, counts: ConnectionCounts
) -> None:
    # A stopped process: its count stays, it accepts nothing.
    workers[1].acceptor.close()
    counts.publish(1, 0)
    clients.connect(40)
    assert await accepted(workers, 40) == [40, 0]


async def test_connections_that_have_ended_do_not_count(workers: list[Worker], clients: Clients) -> None:
    workers[0].acceptor.update(50)
    workers[1].acceptor.update(70)
    workers[1].acceptor.update(3)
    clients.connect()
    assert await accepted(workers, 1) == [0, 1]


async def test_a_closed_acceptor_accepts_and_publishes_nothing(
    workers: list[Worker], clients: Clients, counts: ConnectionCounts
) -> None:
    for worker in workers:
        worker.acceptor.close()
        worker.acceptor.close()
        worker.acceptor.update(4)
        await worker.acceptor.wait_closed()
        assert worker.acceptor.is_closed
    assert counts.least() == NOT_ACCEPTING
    clients.connect()
    await asyncio.sleep(0)
    assert await accepted(workers, 0) == [0, 0]


async def test_an_acceptor_can_be_closed_while_it_waits(workers: list[Worker], clients: Clients) -> None:
    workers[0].acceptor.update(100)
    clients.connect()
    workers[0].acceptor._on_readable()
    workers[0].acceptor.close()
    assert await accepted(workers, 1) == [0, 1]


class ClosedInBetween(socket.socket):
    """A listening socket that the handler of a signal closes while a connection is being accepted."""

    acceptor: Acceptor

    def accept(self) -> tuple[socket.socket, object]:
        self.acceptor.close()
        return super().accept()


async def test_a_signal_may_close_the_acceptor_while_it_accepts(
    listening: socket.socket, counts: ConnectionCounts, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    closing = ClosedInBetween(fileno=listening.dup().detach())
    closing.acceptor = Acceptor(closing, counts, 0, asyncio.Protocol)
    clients.connect()
    async with asyncio.timeout(SECONDS):
        while not closing.acceptor.is_closed:
            await asyncio.sleep(0)
    assert caplog.messages == []


class FullSocket(socket.socket):
    """A listening socket of a process that may open no more files."""

    def accept(self) -> tuple[socket.socket, object]:
        raise OSError(errno.EMFILE, "Too many open files")


async def test_a_process_without_free_files_leaves_connections_to_the_others(
    listening: socket.socket, counts: ConnectionCounts, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    full = Worker(listening, counts, 0)
    full.acceptor.close()
    acceptor = Acceptor(FullSocket(fileno=listening.dup().detach()), counts, 0, asyncio.Protocol)
    clients.connect()
    async with asyncio.timeout(SECONDS):
        while "no connections are accepted for 1 s: Too many open files" not in caplog.text:
            await asyncio.sleep(0)
    other = Worker(listening, counts, 1)
    assert await accepted([other], 1) == [1]
    for closed in (acceptor, other.acceptor):
        closed.close()
    other.connections[0].transport.close()
