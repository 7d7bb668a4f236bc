"""The channel between a supervisor and a worker, and what the worker inherits."""

import socket
from collections.abc import Iterator

import pytest

from gateway.server.workers.channel import (
    LISTENING,
    Channel,
    Instruction,
)
from tests.event_loop import settle


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def test_a_worker_reports_and_follows_instructions_in_their_order(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    supervisor, worker = pair
    followed: list[Instruction | None] = []
    # Some are sent before the worker listens.
    supervisor.send(Instruction.RELOAD.value + Instruction.DRAIN.value)
    Channel(worker).open(followed.append)
    assert supervisor.recv(10) == LISTENING
    await settle()
    supervisor.send(Instruction.EXIT.value)
    await settle()
    assert followed == [Instruction.RELOAD, Instruction.DRAIN, Instruction.EXIT]


async def test_the_end_of_the_supervisor_is_noticed_once(pair: tuple[socket.socket, socket.socket]) -> None:
    supervisor, worker = pair
    followed: list[Instruction | None] = []
    channel = Channel(worker)
    channel.open(followed.append)
    supervisor.send(Instruction.RETIRE.value)
    supervisor.close()
    await settle()
    assert followed == [Instruction.RETIRE, None]


async def test_a_supervisor_that_has_ended_before_the_worker_listens_is_noticed(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    supervisor, worker = pair
    supervisor.close()
    followed: list[Instruction | None] = []
    Channel(worker).open(followed.append)
    await settle()
    assert followed == [None]
