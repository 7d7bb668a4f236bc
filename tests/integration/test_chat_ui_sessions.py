"""Conversations of the real clients of AG-UI and TanStack AI with a gateway whose provider the test plays."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.commands import Message
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted, Reasoning, SignedReasoning, ToolCall, Usage
from tests.integration.chat_uis.node import command
from tests.scripted_upstream import ScriptedCall
from tests.served.gateway import Served, configure, protocols, served
from tests.served.viewers import until

__all__ = ["configure", "protocols", "served"]

SECONDS: Final = 60.0
USAGE: Final = Usage(5, 3, "exact", reasoning_tokens=1)
TEXT: Final = "The quick brown fox."

Json = dict[str, Any]


@pytest.fixture
def settings() -> Settings:
    return Settings(model=("m",), retry_within=0, grace=30, first_token_timeout=0, stall_timeout=0)


@pytest.fixture(autouse=True)
async def provider(served: Served) -> AsyncIterator[None]:
    """Answer the calls of the gateway, each by a word in the last message of the user."""
    tasks: list[asyncio.Task[None]] = []

    async def answer_all() -> None:
        while True:
            while len(tasks) < len(served.upstream.calls):
                tasks.append(asyncio.ensure_future(answer(served.upstream.calls[len(tasks)])))
            await asyncio.sleep(0.002)

    answering = asyncio.ensure_future(answer_all())
    yield
    for task in (answering, *tasks):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def answer(call: ScriptedCall) -> None:
    messages: Sequence[Message] = call.request.messages
    word = str(next(message.content for message in reversed(messages) if message.role == "user"))
    if messages[-1].role == "tool":
        call.send("It is ", "21.")
    elif "slow" in word:
        while not call.closed:
            call.send("word ")
            await asyncio.sleep(0.01)
        return
    elif "tool" in word:
        call.send(ToolCall(0, "call_1", "look", '{"at":'), ToolCall(0, None, None, "1}"))
        call.finish("tool_calls", USAGE)
        return
    elif "fail" in word:
        call.send("The ", "quick ")
        call.fail(Failed(Code.SERVER_ERROR, "It failed."))
        return
    else:
        if "think" in word or "signed" in word:
            call.send(Reasoning("First "), Reasoning("I compare."))
        if "signed" in word:
            call.send(
                SignedReasoning("", "s1", "anthropic"),
                "Hm. ",
                Reasoning("Then."),
                SignedReasoning("", "s2", "anthropic"),
            )
        for piece in ("The ", "quick ", "brown ", "fox."):
            call.send(piece)
            await asyncio.sleep(0.002)
    call.finish("stop", USAGE)


async def session(program: str, packages: str, folder: Path, *arguments: str) -> Json:
    """Return what a program prints."""
    process = await asyncio.create_subprocess_exec(
        *command(program, packages, folder, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 0, (out + errors).decode()
    result: Json = orjson.loads(out)
    assert result.pop("warnings") == []
    return result


class TestAgUi:
    async def run(self, served: Served, folder: Path, scenario: str) -> Json:
        return await session("ag_ui_session.mjs", "ag_ui", folder, served.url, scenario)

    async def test_two_turns(self, served: Served, tmp_path: Path) -> None:
        result = await self.run(served, tmp_path, "text")
        assert (result["outcome"], result["second"]["outcome"]) == ("success", "success")
        assert [message["content"] for message in result["messages"]] == ["text", TEXT, "text again", TEXT]
        assert [message.content for message in served.upstream.last.request.messages] == ["text", TEXT, "text again"]

    async def test_feedback_replaces_the_text(self, served: Served, tmp_path: Path) -> None:
        result = await self.run(served, tmp_path, "feedback")
        assert result["outcome"] == "success"
        assert [(message["role"], message["content"]) for message in result["messages"]] == [
            *(("user", "slow"), ("reasoning", "First I compare."), ("assistant", TEXT))
        ]

    async def test_a_stop_cancels(self, served: Served, tmp_path: Path) -> None:
        result = await self.run(served, tmp_path, "stop")
        assert (result["outcome"], result["error"]) == ("cancelled", None)
        assert result["messages"][-1]["content"].startswith("word word word ")

    async def test_a_client_that_aborts_stops_the_provider(self, served: Served, tmp_path: Path) -> None:
        await self.run(served, tmp_path, "abort")
        await until(lambda: served.only.log.ended)
        assert isinstance(served.only.end, Interrupted)
        assert served.only.end.by == "disconnect"

    async def test_a_client_that_joins_has_the_same_messages(self, served: Served, tmp_path: Path) -> None:
        result = await self.run(served, tmp_path, "join")
        assert result["outcome"] == "cancelled"
        assert result["joined"] == result["messages"]

    async def test_a_tool_of_the_client(self, served: Served, tmp_path: Path) -> None:
        result = await self.run(served, tmp_path, "tool")
        assert result["messages"][1]["toolCalls"][0]["function"] == {"name": "look", "arguments": '{"at":1}'}
        assert result["messages"][-1]["content"] == "It is 21."

    async def test_signed_reasoning_comes_back(self, served: Served, tmp_path: Path) -> None:
        await self.run(served, tmp_path, "signed")
        assert signatures(served) == [("First I compare.", "s1"), ("Then.", "s2")]

    async def test_a_failure(self, served: Served, tmp_path: Path) -> None:
        result = await self.run(served, tmp_path, "fail")
        assert result["error"] == "server_error"
        assert result["messages"][-1]["content"] == "The quick "

    async def test_capabilities(self, served: Served, tmp_path: Path) -> None:
        result = await self.run(served, tmp_path, "capabilities")
        assert result["capabilities"]["transport"]["streaming"] is True


@pytest.mark.parametrize("transport", ["sse", "ws"])
class TestTanStack:
    async def run(self, served: Served, folder: Path, transport: str, scenario: str) -> Json:
        return await session("tanstack_session.mjs", "tanstack", folder, served.url, transport, scenario)

    async def test_two_turns(self, served: Served, tmp_path: Path, transport: str) -> None:
        result = await self.run(served, tmp_path, transport, "text")
        assert result["messages"] == [*turn("text"), *turn("text again")]
        assert (result["loading"], result["failed"], result["finishReason"]) == (False, None, "stop")
        assert result["usage"] == {
            "promptTokens": 5,
            "completionTokens": 3,
            "totalTokens": 8,
            "completionTokensDetails": {"reasoningTokens": 1},
        }

    async def test_feedback_replaces_the_text(self, served: Served, tmp_path: Path, transport: str) -> None:
        result = await self.run(served, tmp_path, transport, "feedback")
        answered = ["assistant", [["thinking", "First I compare."], ["text", TEXT]]]
        assert result["messages"] == [["user", [["text", "slow"]]], answered]

    async def test_a_stop(self, served: Served, tmp_path: Path, transport: str) -> None:
        result = await self.run(served, tmp_path, transport, "stop")
        assert (result["loading"], result["failed"]) == (False, None)
        if transport == "ws":
            await until(lambda: served.only.log.ended)
            assert isinstance(served.only.end, Interrupted)
            assert served.only.end.by == "client"

    async def test_a_stop_from_elsewhere(self, served: Served, tmp_path: Path, transport: str) -> None:
        result = await self.run(served, tmp_path, transport, "stop-elsewhere")
        assert (result["loading"], result["failed"], result["outcome"]) == (False, None, "cancelled")
        assert isinstance(served.only.end, Interrupted)

    async def test_a_tool_of_the_client_runs_by_itself(self, served: Served, tmp_path: Path, transport: str) -> None:
        result = await self.run(served, tmp_path, transport, "tool")
        assert result["ran"] == [{"at": 1}]
        assert result["messages"][-1] == ["assistant", [["text", "It is 21."]]]
        assert (result["loading"], result["failed"]) == (False, None)
        assert len(served.upstream.calls) == 2

    async def test_signed_reasoning_comes_back(self, served: Served, tmp_path: Path, transport: str) -> None:
        await self.run(served, tmp_path, transport, "signed")
        assert signatures(served) == [("First I compare.", "s1"), ("Then.", "s2")]

    async def test_a_failure(self, served: Served, tmp_path: Path, transport: str) -> None:
        result = await self.run(served, tmp_path, transport, "fail")
        assert (result["loading"], result["failed"]) == (False, "It failed.")
        assert result["messages"][-1] == ["assistant", [["text", "The quick "]]]

    async def test_a_run_that_is_not_known_is_asked_for_once(
        self, served: Served, tmp_path: Path, transport: str
    ) -> None:
        result = await self.run(served, tmp_path, transport, "unknown")
        assert "404" in result["error"] or "1008" in result["error"]


async def test_a_page_that_is_loaded_again_has_its_conversation(served: Served, tmp_path: Path) -> None:
    result = await session("tanstack_session.mjs", "tanstack", tmp_path, served.url, "sse", "refresh")
    assert result["again"] == result["later"] == result["messages"]
    assert result["messages"][:2] == turn("text")
    assert result["messages"][-1][1][0][1].startswith("word word ")


def turn(text: str) -> list[object]:
    """Return a question and its answer."""
    return [["user", [["text", text]]], ["assistant", [["text", TEXT]]]]


def signatures(served: Served) -> list[tuple[str, str]]:
    """Return the signed reasoning that the provider got back with its newest call."""
    details: list[Json] = []
    for message in served.upstream.last.request.messages:
        details += (message.model_extra or {}).get("reasoning_details") or []
    return [(detail["text"], detail["signature"]) for detail in details]
