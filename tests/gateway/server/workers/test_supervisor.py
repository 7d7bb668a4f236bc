"""The supervisor, with processes that the test ends and a clock that it moves."""

import asyncio
import errno
import logging
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from gateway.server.workers.channel import Instruction
from gateway.server.workers.process import Process
from gateway.server.workers.restarts import DEFAULT_POLICY
from gateway.server.workers.supervisor import DRAIN_EXTRA_SECONDS, EXIT_SECONDS, Supervisor
from tests.event_loop import settle
from tests.manual_clock import ManualClock

DRAIN_TIMEOUT = 30.0
DRAIN, RETIRE, EXIT, RELOAD = Instruction.DRAIN, Instruction.RETIRE, Instruction.EXIT, Instruction.RELOAD


def _nothing() -> None:
    pass


class FakeProcess:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.sent: list[Instruction] = []
        self._listens = asyncio.get_running_loop().create_future()
        self._ended = asyncio.get_running_loop().create_future()

    def send(self, instruction: Instruction) -> None:
        self.sent.append(instruction)

    def kill(self) -> None:
        self.end(-signal.SIGKILL)

    def listen(self) -> None:
        self._listens.set_result(True)

    def end(self, code: int) -> None:
        if not self._listens.done():
            self._listens.set_result(False)
        if not self._ended.done():
            self._ended.set_result(code)

    async def listens(self) -> bool:
        return bool(await asyncio.shield(self._listens))

    async def ended(self) -> int:
        return int(await asyncio.shield(self._ended))


class Workers:
    """A running supervisor of three workers, and all processes that it has started."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.processes: list[FakeProcess] = []
        self.fails_to_start = False
        self.on_start: Callable[[], None] = _nothing
        self.announced: list[int] = []
        self.endings: list[int] = []
        self.supervisor = Supervisor(3, self._start, clock, DRAIN_TIMEOUT, partial(self.endings.append, 1))
        self.exit_code = asyncio.create_task(self.supervisor.run(self.announced.extend))

    async def _start(self) -> Process:
        if self.fails_to_start:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.on_start()
        self.processes.append(FakeProcess(100 + len(self.processes)))
        return self.processes[-1]

    async def listen(self, *indexes: int) -> None:
        for index in indexes:
            self.processes[index].listen()
        await settle()

    async def end(self, code: int, *indexes: int) -> None:
        for index in indexes:
            self.processes[index].end(code)
        await settle()

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await settle()

    def sent(self, *indexes: int) -> list[list[Instruction]]:
        return [self.processes[index].sent for index in indexes]


@pytest.fixture
async def starting() -> AsyncIterator[Workers]:
    workers = Workers(ManualClock())
    await settle()
    yield workers
    if not workers.exit_code.done():
        workers.supervisor.drain("SIGTERM")
        for process in workers.processes:
            process.end(0)
    await workers.exit_code
    assert workers.endings == [1]
    assert workers.clock.pending == 0


@pytest.fixture
async def workers(starting: Workers) -> Workers:
    await starting.listen(0)
    await starting.listen(1, 2)
    assert starting.announced == [100, 101, 102]
    return starting


async def test_the_others_start_when_the_first_one_listens(starting: Workers) -> None:
    assert len(starting.processes) == 1
    await starting.listen(0)
    assert len(starting.processes) == 3
    await starting.listen(1)
    assert starting.announced == []
    await starting.listen(2)
    assert starting.announced == [100, 101, 102]


async def test_what_is_wrong_for_all_is_reported_by_the_first_one_alone(starting: Workers) -> None:
    await starting.end(2, 0)
    assert await starting.exit_code == 2
    assert len(starting.processes) == 1
    assert starting.announced == []


@pytest.mark.parametrize(("code", "whole"), [(3, 3), (0, 1), (-signal.SIGSEGV, 1)])
async def test_one_that_cannot_start_ends_the_others(starting: Workers, code: int, whole: int) -> None:
    await starting.listen(0)
    await starting.end(code, 2)
    await starting.listen(1)
    assert starting.sent(0, 1) == [[DRAIN], [DRAIN]]
    await starting.end(0, 0, 1)
    assert await starting.exit_code == whole


async def test_a_process_that_cannot_be_created_ends_the_start(starting: Workers) -> None:
    starting.fails_to_start = True
    await starting.listen(0)
    assert starting.sent(0) == [[DRAIN]]
    await starting.end(0, 0)
    assert await starting.exit_code == 1


async def test_a_signal_during_the_start_reaches_those_that_are_there(starting: Workers) -> None:
    starting.supervisor.drain("SIGTERM")
    assert starting.sent(0) == [[DRAIN]]
    await starting.listen(0)
    assert len(starting.processes) == 1
    await starting.end(-signal.SIGTERM, 0)
    assert await starting.exit_code == 0


async def test_a_signal_while_the_others_are_started_reaches_the_last_one_and_no_further_one_starts(
    starting: Workers,
) -> None:
    starting.on_start = partial(starting.supervisor.drain, "SIGTERM")
    await starting.listen(0)
    assert starting.sent(0, 1) == [[DRAIN], [DRAIN]]
    await starting.listen(1)
    await starting.end(0, 0, 1)
    assert await starting.exit_code == 0
    assert len(starting.processes) == 2


async def test_a_worker_that_dies_is_restarted_and_the_others_go_on(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    workers.clock.advance(DEFAULT_POLICY.stable)
    await workers.end(-signal.SIGKILL, 1)
    assert len(workers.processes) == 4
    assert workers.sent(0, 2, 3) == [[], [], []]
    assert "worker 101 was ended by SIGKILL: another one starts now" in caplog.text


async def test_restarts_of_a_worker_that_ends_early_are_delayed(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await workers.end(1, 1)
    assert len(workers.processes) == 3
    assert "worker 101 ended with code 1: another one starts in 0.5 s" in caplog.text
    await workers.advance(0.5)
    assert len(workers.processes) == 4
    # The next one does not even listen.
    await workers.end(1, 3)
    await workers.advance(0.5)
    assert len(workers.processes) == 4
    await workers.advance(0.5)
    assert len(workers.processes) == 5
    assert "worker 104 listens" not in caplog.text
    await workers.listen(4)
    assert "worker 104 listens" in caplog.text


async def test_a_worker_that_always_ends_early_ends_the_gateway(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(DEFAULT_POLICY.max_early_ends - 1):
        await workers.end(1, -1)
        await workers.advance(DEFAULT_POLICY.longest)
    assert workers.sent(0, 1) == [[], []]
    await workers.end(1, -1)
    assert "the last of 8 early ends in a row: the gateway ends" in caplog.text
    assert workers.sent(0, 1) == [[DRAIN], [DRAIN]]
    await workers.end(0, 0, 1)
    assert await workers.exit_code == 1


async def test_a_machine_without_room_for_a_process_is_tried_again(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    workers.fails_to_start = True
    await workers.advance(DEFAULT_POLICY.stable)
    await workers.end(-signal.SIGKILL, 0)
    assert "no worker can be started: Resource temporarily unavailable" in caplog.text
    workers.fails_to_start = False
    await workers.advance(DEFAULT_POLICY.base)
    assert len(workers.processes) == 4


async def test_a_signal_drains_all_and_ends_when_all_have_ended(workers: Workers) -> None:
    workers.supervisor.drain("SIGTERM")
    assert workers.sent(0, 1, 2) == [[DRAIN]] * 3
    await workers.end(0, 0, 1)
    assert not workers.exit_code.done()
    await workers.end(0, 2)
    assert await workers.exit_code == 0
    assert len(workers.processes) == 3


async def test_a_second_signal_ends_all_at_once(workers: Workers) -> None:
    workers.supervisor.drain("SIGTERM")
    workers.supervisor.drain("SIGTERM")
    assert workers.sent(0, 1, 2) == [[DRAIN, EXIT]] * 3
    await workers.end(0, 0, 1, 2)
    assert await workers.exit_code == 0


async def test_a_worker_that_does_not_end_is_killed(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    workers.supervisor.drain("SIGTERM")
    await workers.end(0, 0, 1)
    await workers.advance(DRAIN_TIMEOUT + DRAIN_EXTRA_SECONDS)
    assert "worker 102 has not ended in time: it is killed" in caplog.text
    assert await workers.exit_code == 1


async def test_the_second_signal_shortens_the_time_until_a_worker_is_killed(workers: Workers) -> None:
    workers.supervisor.drain("SIGINT")
    workers.supervisor.drain("SIGINT")
    await workers.advance(EXIT_SECONDS)
    assert await workers.exit_code == 1


async def test_a_restart_that_waits_ends_with_the_signal(workers: Workers) -> None:
    await workers.end(1, 0)
    workers.supervisor.drain("SIGTERM")
    await workers.end(0, 1, 2)
    assert await workers.exit_code == 0
    assert len(workers.processes) == 3


async def test_a_reload_reaches_all(workers: Workers) -> None:
    workers.supervisor.reload()
    assert workers.sent(0, 1, 2) == [[RELOAD]] * 3


async def test_workers_are_replaced_one_after_the_other(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    workers.supervisor.replace_all()
    for former in range(3):
        await settle()
        successor = former + 3
        assert len(workers.processes) == successor + 1
        assert workers.sent(former) == [[]]
        await workers.listen(successor)
        assert workers.sent(former) == [[RETIRE]]
        await workers.end(0, former)
        assert f"worker {100 + successor} has replaced worker {100 + former}" in caplog.text
    assert len(workers.processes) == 6
    assert workers.sent(3, 4, 5) == [[], [], []]
    # They are kept as those before.
    workers.clock.advance(DEFAULT_POLICY.stable)
    await workers.end(-signal.SIGKILL, 4)
    assert len(workers.processes) == 7


async def test_workers_stay_when_a_new_one_cannot_start(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    workers.supervisor.replace_all()
    await settle()
    await workers.end(2, 3)
    assert "worker 103 ended with code 2 before it listened: the former workers stay" in caplog.text
    assert workers.sent(0, 1, 2) == [[], [], []]
    assert len(workers.processes) == 4
    workers.fails_to_start = True
    workers.supervisor.replace_all()
    await settle()
    assert workers.sent(0, 1, 2) == [[], [], []]


async def test_a_worker_that_dies_while_it_is_replaced_leaves_none_too_many(workers: Workers) -> None:
    workers.clock.advance(DEFAULT_POLICY.stable)
    workers.supervisor.replace_all()
    await settle()
    await workers.end(-signal.SIGKILL, 0)
    # Restarted, beside the successor.
    assert len(workers.processes) == 5
    await workers.listen(3)
    assert workers.sent(3) == [[RETIRE]]
    await workers.end(0, 3)
    assert len(workers.processes) == 6
    await workers.listen(4, 5)
    assert workers.sent(1) == [[RETIRE]]


async def test_a_replaced_worker_that_does_not_end_is_killed(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    workers.supervisor.replace_all()
    await settle()
    await workers.listen(3)
    await workers.advance(DRAIN_TIMEOUT + DRAIN_EXTRA_SECONDS)
    assert "worker 100 has not ended in time: it is killed" in caplog.text
    assert len(workers.processes) == 5


async def test_a_request_during_the_replacement_is_one_more_after_it(workers: Workers) -> None:
    workers.supervisor.replace_all()
    await settle()
    workers.supervisor.replace_all()
    workers.supervisor.replace_all()
    for former in range(6):
        await workers.listen(former + 3)
        await workers.end(0, former)
    assert len(workers.processes) == 9


async def test_a_signal_ends_the_replacement(workers: Workers) -> None:
    workers.supervisor.replace_all()
    await settle()
    workers.supervisor.drain("SIGTERM")
    assert workers.sent(0, 1, 2, 3) == [[DRAIN]] * 4
    await workers.listen(3)
    await workers.end(0, 0, 1, 2, 3)
    assert await workers.exit_code == 0
    assert len(workers.processes) == 4


async def test_nothing_is_replaced_before_all_listen(starting: Workers) -> None:
    starting.supervisor.replace_all()
    await starting.listen(0)
    assert len(starting.processes) == 3
