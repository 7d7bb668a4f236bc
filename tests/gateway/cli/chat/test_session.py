"""Conversations, interrupts and feedback, driven through the plain mode."""

import asyncio

from tests.gateway.cli.chat.fake_gateway import FakeGateway, Open


async def test_each_line_is_a_question_sent_with_the_earlier_ones(gateway: FakeGateway, terminal: Open) -> None:
    chat = await terminal()
    chat.type("one\n\n/two is a path\nthree")
    chat.end()
    assert await chat.run() == 0
    assert chat.out.getvalue() == "ONE\n/TWO IS A PATH\nTHREE\n"
    contents = [message["content"] for message in gateway.asked[-1]]
    assert contents == ["Be brief.", "one", "ONE", "/two is a path", "/TWO IS A PATH", "three"]
    assert gateway.commands == []


async def test_an_interrupt_stops_the_answer(gateway: FakeGateway, terminal: Open) -> None:
    gateway.ending = None
    chat = await terminal(prompt="one")
    running = asyncio.create_task(chat.run())
    await gateway.streaming.wait()
    chat.chat.on_interrupt()
    assert await running == 130
    assert [name for name, _ in gateway.commands] == ["interrupt"]
    assert chat.out.getvalue() == "ONE\n"
    assert "stopped in" in chat.status.getvalue()


async def test_a_line_typed_during_an_answer_is_feedback(gateway: FakeGateway, terminal: Open) -> None:
    gateway.ending = None
    chat = await terminal(interactive=True)
    chat.type("one\n")
    running = asyncio.create_task(chat.run())
    await gateway.streaming.wait()
    chat.type("shorter\n/good\n/stop\n")
    assert await running == 130
    assert gateway.commands == [
        ("feedback", {"text": "shorter", "mode": "revise"}),
        ("feedback", {"rating": 1, "mode": "note"}),
        ("interrupt", {"reason": "stopped in the terminal"}),
    ]


async def test_feedback_is_never_sent_to_an_earlier_answer(gateway: FakeGateway, terminal: Open) -> None:
    gateway.held_question = 2
    chat = await terminal(interactive=True)
    chat.type("one\n")
    running = asyncio.create_task(chat.run())
    await chat.status_contains("complete (stop)")
    gateway.streaming.clear()
    chat.type("two\n")
    await gateway.streaming.wait()
    chat.type("shorter\n")
    await chat.status_contains("not accepted yet")
    gateway.commanded.set()
    chat.end()
    assert await running == 0
    assert gateway.commands == []
