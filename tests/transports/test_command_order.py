"""Commands that wait for other gateways: their order, and who waits for whom."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.event_loop import settle
from transports.command_order import MAX_WAITING, CommandOrder


class Recorder:
    """Commands that wait until the test lets them end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def command(self, name: str) -> Callable[[], Awaitable[None]]:
        self.gates[name] = asyncio.Event()

        async def run() -> None:
            self.begun.append(name)
            await self.gates[name].wait()

        return run


def _unexpected(error: Exception) -> None:
    raise error


async def test_commands_of_one_generation_run_in_their_order_and_others_do_not_wait() -> None:
    order, recorder = CommandOrder(_unexpected), Recorder()
    for name in ("a1", "a2", "b1"):
        await order.add(name[0], recorder.command(name))
    await settle()
    assert recorder.begun == ["a1", "b1"]
    recorder.gates["a1"].set()
    await settle()
    assert recorder.begun == ["a1", "b1", "a2"]
    assert "a" in order
    for gate in recorder.gates.values():
        gate.set()
    await order.finish()
    assert "a" not in order
    await order.finish()


async def test_the_next_one_waits_when_many_wait() -> None:
    order, recorder = CommandOrder(_unexpected), Recorder()
    for number in range(MAX_WAITING):
        await order.add(f"g{number}", recorder.command(f"{number}"))
    adding = asyncio.create_task(order.add("last", recorder.command("last")))
    await settle()
    assert not adding.done()
    recorder.gates["0"].set()
    await settle()
    assert adding.done()
    order.close()
    await order.finish()
    assert recorder.begun[-1] == "last"


async def test_a_command_that_fails_takes_no_room_and_those_after_it_neither() -> None:
    async def fail() -> None:
        raise OSError

    failures: list[Exception] = []
    order, recorder = CommandOrder(failures.append), Recorder()
    await order.add("a", fail)
    for number in range(MAX_WAITING - 1):
        await order.add("a", recorder.command(f"{number}"))
    adding = asyncio.create_task(order.add("b", recorder.command("b")))
    await settle()
    assert adding.done()
    assert recorder.begun == ["b"]
    assert [type(error) for error in failures] == [OSError]
    order.close()
    await order.finish()


async def test_close_cancels_what_is_left() -> None:
    order, recorder = CommandOrder(_unexpected), Recorder()
    await order.add("a", recorder.command("a1"))
    await order.add("a", recorder.command("a2"))
    await settle()
    order.close()
    await order.finish()
    assert recorder.begun == ["a1"]
