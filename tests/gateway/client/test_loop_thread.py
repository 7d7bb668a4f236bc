"""Coroutines that run in another thread."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from gateway.client.loop_thread import LoopThread, _Call


@pytest.fixture(name="thread")
def _thread() -> Iterator[LoopThread]:
    thread = LoopThread("test loop")
    yield thread
    thread.close()


async def _wait_for_ever(started: threading.Event) -> None:
    started.set()
    await asyncio.Event().wait()


def test_results_and_errors_are_those_of_the_coroutine(thread: LoopThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise KeyError

    assert thread.run(name()) == "test loop"
    with pytest.raises(KeyError):
        thread.run(fail())


def _press_ctrl_c() -> None:
    """Send SIGINT to the main thread, which then raises KeyboardInterrupt where it waits."""
    assert threading.current_thread() is not threading.main_thread()
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)


def test_an_interrupted_wait_cancels_the_coroutine_and_awaits_its_end(thread: LoopThread) -> None:
    ends: list[str] = []

    async def clean_up() -> None:
        _press_ctrl_c()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ends.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        thread.run(clean_up())
    assert ends == ["cleaned up"]
    assert thread.run(asyncio.sleep(0, "still usable")) == "still usable"


def test_a_result_that_came_with_the_interrupt_is_not_lost(thread: LoopThread) -> None:
    async def stubborn() -> str:
        _press_ctrl_c()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "the last event"
        return ""

    unclaimed: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        thread.run(stubborn(), unclaimed.append)
    assert unclaimed == ["the last event"]


def test_closing_ends_the_thread_and_those_that_wait(thread: LoopThread) -> None:
    started, errors = threading.Event(), []

    def wait() -> None:
        try:
            thread.run(_wait_for_ever(started))
        except RuntimeError as error:
            errors.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert started.wait(10)
    thread.close()
    waiting.join(10)
    assert errors == ["this client was closed meanwhile"]
    assert "test loop" not in {each.name for each in threading.enumerate()}
    thread.close()
    with pytest.raises(RuntimeError, match="is closed"):
        thread.run(asyncio.sleep(0))


def test_closing_ends_the_threads_that_it_uses(thread: LoopThread) -> None:
    async def resolve() -> None:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    before = threading.active_count()
    thread.run(resolve())
    thread.close()
    assert threading.active_count() < before


def test_a_function_in_the_thread_can_not_wait_for_it(thread: LoopThread) -> None:
    async def call_itself() -> None:
        thread.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="can't use that client"):
        thread.run(call_itself())


def test_the_thread_may_close_itself(thread: LoopThread) -> None:
    # The garbage collector, which runs in any thread, may find a client that nobody uses any more.
    async def close() -> None:
        thread.close()
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="closed meanwhile"):
        thread.run(close())
    thread._thread.join(10)
    assert not thread._thread.is_alive()
    thread._loop.close()


def test_a_forked_process_is_told_to_open_its_own(thread: LoopThread) -> None:
    process, thread._process = thread._process, os.getpid() + 1
    with pytest.raises(RuntimeError, match="forked"):
        thread.run(asyncio.sleep(0))
    thread.close()  # its thread is not in this process: nothing to wait for
    thread._process = process
    assert thread.is_usable


def test_a_coroutine_that_was_never_handed_over_can_be_cancelled(thread: LoopThread) -> None:
    """Ctrl-C may come while the waiting thread hands it over."""

    async def never_run() -> None:
        raise AssertionError

    call = _Call(never_run())
    thread._loop.call_soon_threadsafe(call.cancel)
    assert wait([call.finished], 10).done
    assert call.finished.cancelled()
