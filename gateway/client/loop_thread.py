"""An event loop in a thread of its own, on which other threads run coroutines and wait for their results."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for any number of threads. `close` ends the thread; those that still wait get RuntimeError."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        self._closed = False
        # A daemon: a program that forgets to close it must still be able to end.
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def is_usable(self) -> bool:
        """Return True if this thread may call `run`."""
        return self._why_not() is None

    def run(self, coroutine: Coroutine[object, object, T], on_unclaimed: Callable[[T], object] | None = None) -> T:
        """Run a coroutine, wait for its end, and return its result.

        If waiting is interrupted, by Ctrl-C for example, the coroutine is cancelled and its end awaited first. So the
        next call finds everything as a cancelled coroutine leaves it. If it had a result all the same, that is given to
        `on_unclaimed`.

        Raises:
            RuntimeError: if it is closed, or is called from its own thread or from a forked process.
        """
        if (reason := self._why_not()) is not None:
            coroutine.close()
            raise RuntimeError(reason)
        call = _Call(coroutine)
        try:
            self._loop.call_soon_threadsafe(call.start)
            return call.finished.result()
        except CancelledError:
            message = "this client was closed meanwhile"
            raise RuntimeError(message) from None
        except BaseException as error:
            if not call.finished.done():
                self._loop.call_soon_threadsafe(call.cancel)
                wait([call.finished])
            if call.failed_with(error) or call.finished.cancelled():
                raise
            if on_unclaimed is not None and call.finished.exception() is None:
                on_unclaimed(call.finished.result())
            raise

    def close(self) -> None:
        """Cancel what still runs, and end the thread. Idempotent."""
        if self._closed or self._process != os.getpid():
            return
        self._closed = True
        cancelled = asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop)
        cancelled.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.stop))
        # The garbage collector may have called this in the thread itself, which can't wait for its own end.
        if threading.current_thread() is not self._thread:
            self._thread.join()
            self._loop.close()

    def _why_not(self) -> str | None:
        if self._closed:
            return "this client is closed"
        if self._process != os.getpid():
            return "this client was opened before the process was forked: open one in each process"
        if threading.current_thread() is self._thread:
            return "a function that a client calls (token, notice) can't use that client: it waits for the function"
        return None


class _Call(Generic[T]):
    """A coroutine that one thread waits for and another one runs."""

    def __init__(self, coroutine: Coroutine[object, object, T]) -> None:
        self.finished: Future[T] = Future()
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None

    def start(self) -> None:
        """Begin to run it, in the thread of the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._coroutine)
        self._task.add_done_callback(self._on_done)

    def cancel(self) -> None:
        """Cancel it, in the thread of the event loop, after `start`, unless its thread was interrupted before that."""
        if self._task is not None:
            self._task.cancel()
        else:
            self._coroutine.close()
            self._finish_cancelled()

    def failed_with(self, error: BaseException) -> bool:
        """Return True if this exception is the coroutine's own."""
        return not self.finished.cancelled() and self.finished.exception() is error

    def _on_done(self, task: "asyncio.Task[T]") -> None:
        if task.cancelled():
            self._finish_cancelled()
        elif (error := task.exception()) is not None:
            self.finished.set_exception(error)
        else:
            self.finished.set_result(task.result())

    def _finish_cancelled(self) -> None:
        self.finished.cancel()
        self.finished.set_running_or_notify_cancel()  # wakes `wait`


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()  # threads that resolve names
