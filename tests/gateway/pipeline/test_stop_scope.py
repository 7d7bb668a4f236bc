"""A scope that ends waits: at once, in each state, and never a cancellation that came from elsewhere."""

import asyncio

import pytest

from gateway.pipeline.stop_scope import StopScope


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def wait_in(scope: StopScope, future: asyncio.Future[str]) -> str:
    with scope:
        return await future
    return "stopped"


async def started() -> tuple[StopScope, asyncio.Future[str], asyncio.Task[str]]:
    scope, future = StopScope(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(wait_in(scope, future))
    await turns()
    return scope, future, task


async def test_a_wait_is_ended_and_the_task_goes_on() -> None:
    scope, future, task = await started()
    scope.stop()
    scope.stop()
    assert await task == "stopped"
    assert future.cancelled()
    assert task.cancelling() == 0


async def test_a_result_of_the_same_turn_is_dropped() -> None:
    scope, future, task = await started()
    future.set_result("done")
    scope.stop()
    assert await task == "stopped"


async def test_nothing_is_ended_before_or_after_it() -> None:
    scope, future, task = await started()
    StopScope().stop()
    future.set_result("done")
    assert await task == "done"
    scope.stop()
    assert task.cancelling() == 0


@pytest.mark.parametrize("stopped_first", [True, False])
async def test_a_cancellation_of_the_task_stays_one(stopped_first: bool) -> None:
    scope, _, task = await started()
    for end in (scope.stop, task.cancel) if stopped_first else (task.cancel, scope.stop):
        end()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_an_error_passes_though_it_is_stopped() -> None:
    async def fail(scope: StopScope) -> None:
        with scope:
            try:
                await asyncio.Event().wait()
            finally:
                raise KeyError

    scope = StopScope()
    task = asyncio.create_task(fail(scope))
    await turns()
    scope.stop()
    with pytest.raises(KeyError):
        await task
    assert task.cancelling() == 0


async def test_it_ends_only_its_own_wait_in_a_group() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    scope, other = StopScope(), StopScope()
    async with asyncio.TaskGroup() as group:
        waits = group.create_task(wait_in(other, future))
        asyncio.get_running_loop().call_soon(scope.stop)
        assert await wait_in(scope, asyncio.get_running_loop().create_future()) == "stopped"
        assert not waits.done()
        future.set_result("done")
    assert waits.result() == "done"
