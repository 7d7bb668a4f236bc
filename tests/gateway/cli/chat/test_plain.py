"""The plain mode: what is written where, and the exit code."""

import asyncio

from gateway.cli.chat.plain import PlainOutput
from gateway.protocol.events import (
    Chunk,
    Event,
    Gap,
    Reasoning,
    Revision,
)
from tests.gateway.cli.chat.fake_gateway import FAILED, FakeGateway, Open
from tests.gateway.cli.chat.turns import ACCEPTED, COMPLETE


async def test_a_prompt_gets_one_answer(gateway: FakeGateway, terminal: Open) -> None:
    chat = await terminal(prompt="xin chào")
    assert await chat.run() == 0
    assert chat.out.getvalue() == "XIN CHÀO\n"
    assert "complete (stop)" in chat.status.getvalue()
    assert gateway.asked == [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "xin chào"}]]


async def test_an_interrupt_while_waiting_for_a_line_quits(terminal: Open) -> None:
    chat = await terminal()
    running = asyncio.create_task(chat.run())
    await asyncio.wait([running], timeout=0)
    chat.chat.on_interrupt()
    assert await running == 130


async def test_an_error_is_printed_and_the_exit_code_is_1(gateway: FakeGateway, terminal: Open) -> None:
    gateway.ending = FAILED
    chat = await terminal()
    chat.type("one\ntwo\n")
    assert await chat.run() == 1
    assert chat.out.getvalue() == "ONE\n"
    assert "Nothing came. (stalled; worth trying again)" in chat.status.getvalue()
    assert len(gateway.asked) == 1


async def test_typed_commands_are_not_questions(gateway: FakeGateway, terminal: Open) -> None:
    chat = await terminal(interactive=True)
    chat.type("/help\n/good\n/nonsense\n/transport ws\n/quit\n")
    assert await chat.run() == 0
    assert gateway.asked == []
    status = chat.status.getvalue()
    assert "/transport NAME" in status
    assert "There is no answer yet" in status
    assert "/nonsense is not a command" in status
    assert "now on ws" in status


def test_plain_output_is_the_text_and_nothing_else() -> None:
    output = PlainOutput()
    events: list[Event] = [ACCEPTED, Reasoning("hm"), Chunk("a\x1b"), Chunk("b"), Gap(1, 9, "a\x1bbc"), COMPLETE]
    assert "".join(map(output.receive, events)) == "a␛bc"


def test_plain_output_starts_again_with_a_revision() -> None:
    output = PlainOutput()
    events: list[Event] = [Chunk("old"), Revision(2, "f", 0.1), Chunk("new"), Gap(1, 9, "other")]
    assert "".join(map(output.receive, events)) == "old\n\nnew\nother"
    assert PlainOutput().receive(Revision(2, "f", 0.1)) == ""
