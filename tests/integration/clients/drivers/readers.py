"""The scenarios of a client that reads the gateway's own events, whatever the connection: `play` runs them.

A reader is an async function of a request, which calls `take` of a `Result` with each event.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.integration.clients.drivers import kit
from tests.integration.clients.drivers.kit import say, scenario

ENDS: Final = frozenset({"complete", "interrupted", "error", "rejected"})
FIRST_WORDS: Final = "The quick brown fox "
THOUGHTS: Final = "First I compare."
TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather of a city", "parameters": kit.CITY_SCHEMA},
}

OnEvent = Callable[[dict[str, Any], "Result"], None]


def ignore(_event: dict[str, Any], _reading: "Result") -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader asks for: an answer to a word of the provider's script, or a generation that exists."""

    word: str = "text"
    messages: list[dict[str, Any]] | None = None
    base: str = kit.BASE_URL
    model: str = kit.MODEL
    key: str = kit.KEY
    generation: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    on_event: OnEvent = ignore

    @property
    def start(self) -> dict[str, Any]:
        """Return the body of a start."""
        return {"messages": self.messages or say(self.word), "model": self.model, "options": self.options}


@dataclass(slots=True)
class Result:
    """What a client has read of one answer."""

    on_event: OnEvent = ignore
    id: str = ""
    text: str = ""
    reasoning: str = ""
    pieces: int = 0
    connections: int = 0
    types: list[str] = field(default_factory=list)
    positions: list[Any] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] | None = None
    """The last event, or the refusal."""

    def take(self, event: dict[str, Any], position: object) -> bool:
        """Take an event and its position; return True if the answer has ended."""
        self.types.append(event["type"])
        self.positions.append(position)
        match event:
            case {"type": "accepted", "generation_id": str(generation)}:
                self.id = generation
            case {"type": "revision"}:
                self.text = ""
            case {"type": "chunk", "content": str(content)}:
                self.text += content
                self.pieces += 1
            case {"type": "reasoning", "content": str(content)}:
                self.reasoning += content
            case {"type": "tool_call"}:
                self._take_call(event)
        if event["type"] in ENDS:
            self.end = event
        self.on_event(event, self)
        return self.end is not None

    @property
    def last(self) -> dict[str, Any]:
        """Return the last event, which must have come."""
        assert self.end is not None, f"no end after {self.types}"
        return self.end

    def _take_call(self, event: dict[str, Any]) -> None:
        if event["index"] == len(self.calls):
            function = {"name": event["name"], "arguments": ""}
            self.calls.append({"id": event["id"], "type": "function", "function": function})
        self.calls[event["index"]]["function"]["arguments"] += event["arguments"]


Read = Callable[[Request], Awaitable[Result]]
Stop = Callable[[str], None]


def play(surface: str, read: Read, stop: Stop = kit.interrupt, without: frozenset[str] = frozenset()) -> None:
    """Run all scenarios but those that a client can't have; `stop` is its own way to interrupt a generation."""

    def run(name: str, function: Callable[[], Awaitable[str | None]]) -> None:
        if name not in without:
            scenario(f"{surface}/{name}")(function)

    for name, function in _answers(read).items():
        run(name, function)
    for name, function in _failures(read).items():
        run(name, function)
    for name, function in _commands(read, stop).items():
        run(name, function)
    for name, function in _connections(read).items():
        run(name, function)


Scenarios = dict[str, Callable[[], Awaitable[str | None]]]


def _answers(read: Read) -> Scenarios:
    async def stream() -> None:
        got = await read(Request("halves"))
        assert (got.text, got.last["type"], got.types[0]) == (kit.TEXT, "complete", "accepted")
        assert got.pieces > 1

    async def usage() -> None:
        usage = (await read(Request())).last["usage"]
        assert usage["input_tokens"] == kit.INPUT_TOKENS
        assert usage["cached_input_tokens"] == kit.CACHED_TOKENS
        assert usage["output_tokens"] == kit.OUTPUT_TOKENS

    async def reasoning() -> None:
        got = await read(Request("think"))
        assert (got.text, got.reasoning) == (kit.TEXT, THOUGHTS)

    async def tools() -> None:
        options = {"tools": [TOOL]}
        got = await read(Request("tool", options=options))
        assert got.last["finish_reason"] == "tool_calls"
        assert json.loads(got.calls[0]["function"]["arguments"]) == kit.CITY
        turn = {"role": "assistant", "content": None, "tool_calls": got.calls}
        result = {"role": "tool", "tool_call_id": got.calls[0]["id"], "content": "21"}
        got = await read(Request("tool", [*say("tool"), turn, result], options=options))
        assert got.text == kit.TOOL_TEXT

    async def next_turn() -> None:
        answer = {"role": "assistant", "content": (await read(Request())).text}
        messages = [*say("text"), answer, *say("text")]
        assert (await read(Request(messages=messages))).text == kit.TEXT
        assert kit.journal()[-1]["ask"]["turns"] == [[turn["role"], turn["content"]] for turn in messages]

    return {"stream": stream, "usage": usage, "reasoning": reasoning, "tools": tools, "next-turn": next_turn}


def _failures(read: Read) -> Scenarios:
    async def error_before() -> None:
        got = await read(Request("error"))
        assert (got.text, got.last["code"], got.last["retryable"]) == ("", "invalid_request", False)

    async def error_inside() -> str:
        got = await read(Request("fail"))
        assert (got.last["code"], got.last["partial"], got.text) == ("server_error", True, FIRST_WORDS)
        return str(got.last["message"])

    async def cut() -> None:
        assert (await read(Request("cut"))).last["code"] == "truncated"

    async def retry() -> None:
        last = (await read(Request("flaky"))).last
        assert (last["type"], last["retryable"]) == ("error", True)
        await asyncio.sleep((last["retry_after_ms"] or 0) / 1000)
        assert (await read(Request("flaky"))).text == kit.TEXT

    async def refused() -> None:
        last = (await read(Request(key="wrong"))).last
        assert (last["code"], last["retryable"]) == ("auth_error", False)

    async def limited() -> None:
        kit.use_up_limit()
        last = (await read(Request(key=kit.LIMITED_KEY))).last
        assert (last["code"], last["retryable"]) == ("rate_limit", True)
        assert last["retry_after_ms"] > 0

    return {
        "error-before": error_before,
        "error-inside": error_inside,
        "cut": cut,
        "retry": retry,
        "refused": refused,
        "limited": limited,
    }


def _commands(read: Read, stop: Stop) -> Scenarios:
    async def own_stop() -> str:
        def on_event(event: dict[str, Any], got: Result) -> None:
            if event["type"] == "chunk" and got.pieces == 3:
                stop(got.id)

        got = await read(Request("slow", on_event=on_event))
        assert (got.last["type"], got.last["by"]) == ("interrupted", "client")
        assert got.text.startswith("word0 ")
        return kit.hung_up()

    async def interrupted() -> None:
        with kit.interrupting():
            got = await read(Request("slow"))
        assert got.last["type"] == "interrupted"

    async def feedback() -> None:
        with kit.correcting():
            got = await read(Request("slow"))
        assert "revision" in got.types
        assert (got.last["type"], got.text) == ("complete", kit.TEXT)

    return {"stop": own_stop, "interrupted": interrupted, "feedback": feedback}


def _connections(read: Read) -> Scenarios:
    async def failover() -> None:
        got = await read(Request(model=kit.FAILOVER_MODEL))
        assert {"retry", "revision"} <= set(got.types)
        assert (got.last["type"], got.text) == ("complete", kit.TEXT)

    async def queued() -> None:
        with kit.queueing() as make_room:

            def on_event(event: dict[str, Any], _got: Result) -> None:
                if event["type"] == "queued":
                    make_room()

            got = await read(Request(model=kit.QUEUED_MODEL, on_event=on_event))
        assert "queued" in got.types
        assert got.text == kit.TEXT

    async def resume() -> str:
        with kit.Cutter("fox") as proxy:
            got = await read(Request(base=proxy.url))
        assert (got.text, proxy.cuts, got.types.count("accepted")) == (kit.TEXT, 1, 1)
        assert len(set(got.positions)) == len(got.positions), "no event came twice"
        return f"{proxy.connections} connections"

    async def viewers() -> None:
        second: list[asyncio.Task[Result]] = []

        def on_event(_event: dict[str, Any], got: Result) -> None:
            if got.pieces == 1 and not second:
                second.append(asyncio.ensure_future(read(Request(generation=got.id))))

        first = await read(Request("halves", on_event=on_event))
        assert (first.text, (await second[0]).text) == (kit.TEXT, kit.TEXT)

    async def foreign() -> None:
        generation = kit.gateway("POST", "/api/generations", Request().start)["id"]
        got = await read(Request(generation=generation, key=kit.OTHER_KEY))
        assert (got.text, got.last["code"]) == ("", "generation_lost")

    return {"failover": failover, "queued": queued, "resume": resume, "viewers": viewers, "foreign": foreign}
