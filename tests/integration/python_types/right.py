"""Right uses: a type checker reports nothing, and knows every type."""

from collections.abc import Awaitable
from typing import assert_never, assert_type

from dualstream import (
    Accepted,
    Answer,
    AsyncAnswer,
    AsyncClient,
    AsyncConversation,
    Chunk,
    Client,
    Code,
    Complete,
    Conversation,
    Error,
    Event,
    Failed,
    Feedback,
    Gap,
    GatewayError,
    Interrupted,
    InterruptedBy,
    Part,
    Queued,
    Reasoning,
    Refused,
    Retries,
    Retry,
    RetryNotice,
    Revision,
    SignedReasoning,
    Start,
    StartOptions,
    State,
    ToolCall,
    Usage,
)


def describe(event: Event) -> str:  # noqa: C901, PLR0911 - one case for each event
    """Match every event: without one of these cases, a type checker reports `assert_never`."""
    match event:
        case Chunk(content=text) | Reasoning(content=text) | SignedReasoning(content=text):
            return assert_type(text, str)
        case ToolCall(name=name, arguments=arguments):
            assert_type(name, str | None)
            return arguments
        case Part(kind=kind):
            return kind
        case Accepted(generation_id=name) | Start(provider=name) | Retry(code=name):
            return name
        case Queued(position=position):
            return str(assert_type(position, int))
        case Feedback(mode=mode):
            return mode
        case Revision(reason=reason):
            return reason
        case Gap(text=text):
            return text
        case Complete(usage=usage):
            assert_type(usage, Usage)
            return "complete"
        case Interrupted(by=by):
            return assert_type(by, InterruptedBy)
        case Error(usage=maybe):
            assert_type(maybe, Usage | None)
            return "error"
        case _:
            assert_never(event)


def text_of(event: Event) -> str:
    """The name of its type tells events apart, too."""
    if event.type == "chunk":
        return assert_type(event, Chunk).content
    return ""


def notice(retry: RetryNotice) -> None:
    """Print why a retry follows."""
    print(retry.reason, retry.delay_s)


async def new_token() -> str:
    """Return a token."""
    return "t"


def synchronous() -> None:
    """Use every call of the synchronous client."""
    options: StartOptions = {"temperature": 0.5, "stop": ["\n"], "on_disconnect": "cancel"}
    with Client("http://127.0.0.1:1", transport="ws", token=lambda: "t", retries=Retries(start_failures=1)) as client:
        answer = assert_type(client.start("hi", model="m", options=options, metadata={"a": "b"}, timeout_s=3), Answer)
        for event in answer:
            assert_type(event, Event)
        assert_type(answer.read(), str)
        assert_type(answer.interrupt("enough"), bool)
        assert_type(answer.feedback("shorter", mode="revise"), str | None)
        assert_type(answer.state, State)
        assert_type(answer.terminal, Complete | Interrupted | Error | None)
        answer.switch("sse")
        chat = Conversation(client, messages=[{"role": "user", "content": "1"}, answer.message()])
        assert_type(chat.send("2"), Answer)
        results = {call.id: call.arguments for call in answer.tool_calls}
        assert_type(chat.send_tool_results(results), Answer)
        assert_type(chat.send_tool_results({"call": "result"}), Answer)
        try:
            client.attach("g_1:3", after=None).close()
        except Refused as refused:
            assert_type(refused.code, Code)
            assert_type(refused.param, str | None)
        except (Failed, GatewayError) as error:
            assert_type(error.retryable, bool)


async def asynchronous() -> None:
    """Use every call of the asynchronous client."""
    token: Awaitable[str] = new_token()
    await token
    async with AsyncClient("http://127.0.0.1:1", token=new_token, notice=notice) as client:
        answer = assert_type(await client.start([{"role": "user", "content": "hi"}]), AsyncAnswer)
        async for event in answer:
            assert_type(event, Event)
        assert_type(await answer.read(), str)
        assert_type(await answer.interrupt(), bool)
        chat = AsyncConversation(client, system="Be brief.")
        assert_type(await chat.send("2"), AsyncAnswer)
        await client.attach("g_1").aclose()
