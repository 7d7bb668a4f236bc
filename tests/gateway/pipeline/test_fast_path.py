"""The fast path of a token against the usual path: the same bytes come to both, and all that follows must be equal."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Refused
from gateway.upstreams.base import DEFAULT_OUTPUT_BYTES, UpstreamRequest
from gateway.upstreams.connections import UpstreamConnection
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat
from gateway.upstreams.response import StreamedResponse
from gateway.upstreams.text_template import ChunkLayout
from tests.event_loop import settle
from tests.gateway.pipeline.token_paths import LIMITS, Connection, SocketUpstream, TokenPath, token_path
from tests.start_requests import ANONYMOUS

Step = Callable[[TokenPath], None]


def event(text: object, field: str = "content") -> bytes:
    """Return an event of a chat completion with some text, as most servers write it."""
    return b'data: {"id":"c","choices":[{"index":0,"delta":{"%b":%b}}]}\n\n' % (field.encode(), orjson.dumps(text))


def raw(string: bytes) -> bytes:
    """Return such an event whose text is written in a way of its own."""
    return b'data: {"id":"c","choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % string


FINISH: Final = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
EARLY_FINISH: Final = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"and"},"finish_reason":"stop"}]}\n\ndata: {"id":"c"}\n\n'
)
TOOL_CALL: Final = (
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":'
    b'[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}}]}\n\n'
)
LAST: Final = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return a chunk of the chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def read(*reads: bytes) -> list[Step]:
    """Return the steps that read these bytes from the socket."""
    return [partial(TokenPath.read, data=data) for data in reads]


def read_events(*events: bytes) -> list[Step]:
    """Return the steps that read these events, each as a chunk of its own."""
    return read(*map(chunk, events))


def view(framing: str, *, reads: bool = True) -> Step:
    """Return the step in which a viewer comes."""
    return lambda path: path.view(framing, reads=reads)


def advance(seconds: float) -> Step:
    """Return the step in which time passes."""
    return lambda path: path.clock.advance(seconds)


def catch_up(path: TokenPath) -> None:
    """Resume all clients: they read again."""
    for viewer, client in path.viewers:
        client.reads = True
        viewer.resume()


def interrupt(path: TokenPath) -> None:
    """Interrupt the generation, if that is possible."""
    _try(lambda: path.services.hub.interrupt(path.generation.id, InterruptRequest(), path.clock.now(), ANONYMOUS))


def revise(path: TokenPath) -> None:
    """Send feedback that begins another text, if that is possible."""
    request = FeedbackRequest(mode="revise", text="Shorter")
    _try(lambda: path.services.hub.feedback(path.generation.id, request, path.clock.now(), ANONYMOUS))


def _try(command: Callable[[], object]) -> None:
    with suppress(Refused):
        command()


def hold(path: TokenPath) -> None:
    """Expire the lease of the generation."""
    path.generation.lease.expires = path.clock.now() - 1


def renew(path: TokenPath) -> None:
    """Renew the lease; a log that is held is still held."""
    path.generation.lease.expires = path.clock.now() + 1000


def release(path: TokenPath) -> None:
    """Renew the lease, and show what was held."""
    renew(path)
    path.generation.log.release()


def fence(path: TokenPath) -> None:
    """Raise the fence; the call is not cancelled yet."""
    _try(lambda: path.generation.interrupt("client", None, path.clock.now()))


def lose(path: TokenPath) -> None:
    """Lose the connection to the provider."""
    protocol = path.upstream.calls[-1].protocol
    if protocol.transport is not None:
        protocol.transport.abort()


async def run_both(
    steps: Sequence[Step],
    *,
    verbatim: bool = False,
    wire_format: WireFormat | None = None,
    min_chars: float = 0.0,
    output_limit: int = DEFAULT_OUTPUT_BYTES,
    budget_usd: float = 0.0,
) -> int:
    """Run the steps on all paths, compare them after each, and return how many reads the fast path took.

    These are the fast path, the same while the parser of the response is dropped, and the usual path.
    """
    limits = replace(LIMITS, min_chars_per_second=min_chars, rate_window=5)
    async with AsyncExitStack() as stack:
        paths: list[TokenPath] = [
            await stack.enter_async_context(
                token_path(
                    fast=fast,
                    keeps_parser=keeps_parser,
                    verbatim=verbatim,
                    limits=limits,
                    wire_format=wire_format,
                    output_limit=output_limit,
                    budget_usd=budget_usd,
                )
            )
            for fast, keeps_parser in ((True, True), (True, False), (False, True))
        ]
        for path in paths:
            # Each lease is its own: the steps change it.
            path.generation.lease = replace(path.generation.lease)
        for number, step in enumerate(steps):
            for path in paths:
                step(path)
            outcomes = [path.outcome() for path in paths]
            assert outcomes[0] == outcomes[1] == outcomes[2], f"at once after step {number}"
            await settle()
            outcomes = [path.outcome() for path in paths]
            assert outcomes[0] == outcomes[1] == outcomes[2], f"after step {number}"
        assert (paths[1].taken, paths[2].taken) == (paths[0].taken, 0)
        return paths[0].taken


TEXTS: Final = ("Once", " upon", " a", " time")


@pytest.mark.parametrize("framing", ["sse", "websocket", "chat"])
@pytest.mark.parametrize("verbatim", [False, True])
async def test_each_text_but_the_first_ones_is_taken(framing: str, verbatim: bool) -> None:
    steps = [view(framing), *read_events(*map(event, TEXTS * 3), FINISH, b"data: [DONE]\n\n"), *read(LAST)]
    # The first text is decoded in full, the second one shows how the next one looks.
    assert await run_both(steps, verbatim=verbatim) == 10


@pytest.mark.parametrize(
    "text",
    [
        "é",
        "日本",
        "🙂",
        '"quoted"',
        "a\\b",
        "two\nlines",
        "\r",
        "\x7f",
        "\x00",
        "</script>",
        "%d %b",
        "\u2028",
        "x" * 300,
        "y" * 3900,
    ],
)
async def test_any_text_is_taken(text: str) -> None:
    assert await run_both([view("sse"), *read_events(*[event(text)] * 5, FINISH)]) == 3


@pytest.mark.parametrize("text", ["", "z" * 5000, "\ud83d", "\udc00x", None, 5, ["a"], {"a": "b"}])
async def test_what_is_not_plain_text_is_not_taken(text: object) -> None:
    odd = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":%b}}]}\n\n'
    data = odd % json.dumps(text).encode()
    steps = [view("sse"), *read_events(*[event("a")] * 3, data, event("b"), data, event("c"))]
    taken = await run_both(steps)
    assert taken <= 3


@pytest.mark.parametrize(
    "string",
    [
        b'"\\u0041"',
        b'"\\ud83d\\ude42"',
        b'"\\/"',
        b' "a"',
        b'"a" ',
        b'"a"\r',
        b'"a", "b": "c"',
        b'"a\xff"',
        b'"a\x01"',
        b'"a\nb"',
        b'""""',
    ],
)
async def test_strings_that_are_spelled_otherwise(string: bytes) -> None:
    await run_both([view("sse"), *read_events(*[event("a")] * 3, raw(string), event("b"), event("c"), event("d"))])


@pytest.mark.parametrize(
    "framing",
    [
        b"%X\r\n%b\r\n",
        b"0%x\r\n%b\r\n",
        b"%x;a=b\r\n%b\r\n",
        b"%x \r\n%b\r\n",
        b"%x\n%b\n",
        b"%x\r\n%b\n",
        b"%x\r\n%b\rx",
    ],
)
async def test_chunks_that_are_framed_otherwise(framing: bytes) -> None:
    events = [event(f"number {number:02}") for number in range(20)]
    framed = [framing % (len(data), data) for data in events]
    await run_both([view("sse"), *read_events(*events[:5]), *read(*framed), *read_events(*events)])


async def test_servers_that_write_sizes_in_capitals_are_as_fast() -> None:
    data = event("x" * 122)
    assert len(data) == 0xBB
    assert await run_both([view("sse"), *read(*[b"%X\r\n%b\r\n" % (len(data), data)] * 10)]) == 8


@pytest.mark.parametrize("length", range(0xF8, 0x108))
async def test_a_size_of_other_digits_is_never_taken_for_data(length: int) -> None:
    data = event("a" * (length - len(event(""))))
    assert len(data) == length
    wrong = [b"%x\r\n%b\r\n" % (size, data) for size in (length - 1, length + 1, length - 0x10)]
    assert await run_both([view("sse"), *read_events(data, data, data)]) == 1
    for read_wrong in wrong:
        await run_both([view("sse"), *read_events(data, data, data), *read(read_wrong), *read_events(data)])


async def test_a_named_event_is_taken() -> None:
    data = [
        b'{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        *[b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}'] * 10,
    ]
    events = [b"event: %b\ndata: %b\n\n" % (orjson.loads(line)["type"].encode(), line) for line in data]
    assert await run_both([view("sse"), *read_events(*events)], wire_format=AnthropicFormat()) == 8


NUMBERED_EVENTS: Final = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%(number)d,'
    b'"item_id":"m%%","delta":%(text)b,"logprobs":[]}\n\n',
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"m%%","delta":%(text)b,'
    b'"sequence_number":%(number)d}\n\n',
    b'data: {"delta": %(text)b, "sequence_number": %(number)d, "type": "response.reasoning_text.delta"}\n\n',
)
"""Events of a response, as several servers write them: the number before the text, or behind it."""


def numbered(number: int, text: str, provider: int = 0) -> bytes:
    return NUMBERED_EVENTS[provider] % {b"number": number, b"text": orjson.dumps(text)}


RESPONSE_END: Final = b'data: {"type":"response.completed","sequence_number":%d,"response":{"status":"completed"}}\n\n'


@pytest.mark.parametrize("provider", range(len(NUMBERED_EVENTS)))
@pytest.mark.parametrize("verbatim", [False, True])
@pytest.mark.parametrize("first", [0, 5, 95, 995])
async def test_numbered_events_are_taken(provider: int, verbatim: bool, first: int) -> None:
    events = [numbered(number, "é%d", provider) for number in range(first, first + 10)]
    steps = [view("sse"), *read_events(*events, RESPONSE_END % (first + 10)), *read(LAST)]
    assert await run_both(steps, verbatim=verbatim, wire_format=OpenAIResponsesFormat()) == 8


@pytest.mark.parametrize("provider", range(len(NUMBERED_EVENTS)))
@pytest.mark.parametrize("number", [3, 5, 6, 14, 0, 40])
async def test_an_event_with_another_number_than_the_next_one_is_not_taken(provider: int, number: int) -> None:
    numbers = [0, 1, 2, 3, number, number + 1, number + 2]
    events = [numbered(number, "a", provider) for number in numbers]
    # The usual path takes it, and shows what the next one is.
    taken = await run_both([view("sse"), *read_events(*events)], wire_format=OpenAIResponsesFormat())
    assert taken == 4


@pytest.mark.parametrize("number", [b"05", b"-5", b"5.0", b'"5"', b" 5", b"5 ", b"5,5", b"", b"null", b"9" * 30])
async def test_a_number_that_is_spelled_otherwise(number: bytes) -> None:
    odd = numbered(5, "odd").replace(b":5,", b":%b," % number)
    events = [numbered(number, "a") for number in range(5)]
    await run_both([view("sse"), *read_events(*events, odd, *events)], wire_format=OpenAIResponsesFormat())


PADDED_EVENTS: Final[Sequence[tuple[WireFormat, bytes]]] = (
    (
        OpenAIChatFormat(),
        b'data: {"id":"%%","choices":[{"index":0,"delta":{"content":%(text)b}}],"usage":null,'
        b'"obfuscation":"%(padding)b"}\n\n',
    ),
    (OpenAIChatFormat(), b'data: {"p": "%(padding)b", "choices": [{"delta": {"content": %(text)b}}]}\n\n'),
    (
        AnthropicFormat(),
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
        b'"text":%(text)b}%(spaces)b}\n\n',
    ),
    (
        OpenAIResponsesFormat(),
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%(number)d,'
        b'"item_id":"m%%","delta":%(text)b,"logprobs":[],"obfuscation":"%(padding)b"}\n\n',
    ),
    (
        OpenAIResponsesFormat(),
        b'data: {"delta":%(text)b,"obfuscation":"%(padding)b","sequence_number":%(number)d,'
        b'"type":"response.output_text.delta"}\n\n',
    ),
    (
        OpenAIResponsesFormat(),
        b'data: {"delta":%(text)b,"sequence_number":%(number)d,"obfuscation":"%(padding)b",'
        b'"type":"response.output_text.delta"}\n\n',
    ),
    (
        OpenAIResponsesFormat(),
        b'data: {"obfuscation":"%(padding)b","sequence_number":%(number)d,"delta":%(text)b,'
        b'"type":"response.output_text.delta"}\n\n',
    ),
)
"""Events as several servers pad them, with a number or without one."""

PADDED: Final = pytest.mark.parametrize(("wire_format", "template"), PADDED_EVENTS)
PADDINGS: Final = (b"aB3", b"", b"k2Jx8mZ0q", b"x", b"%d", b"abcdefghijklmnopqrstuvwxyz0123456789" * 4, b"}", b" ")
PADDED_TEXTS: Final = ("Once", "%d", '"obfuscation":"', '"p":"","sequence_number":7}', "a\\", "é\n", "x" * 240, "}")


def padded(template: bytes, number: int, text: str, padding: bytes) -> bytes:
    """Return an event with a number and a padding, which is made of spaces where the template has them."""
    values = {b"number": number, b"text": orjson.dumps(text), b"padding": padding, b"spaces": b" " * len(padding)}
    return template % values


def padded_events(template: bytes, count: int) -> list[bytes]:
    """Return events with all texts and paddings in turn."""
    texts, paddings = len(PADDED_TEXTS), len(PADDINGS)
    return [
        padded(template, number, PADDED_TEXTS[number % texts], PADDINGS[number * 3 % paddings])
        for number in range(count)
    ]


@PADDED
@pytest.mark.parametrize("framing", ["sse", "chat"])
@pytest.mark.parametrize("verbatim", [False, True])
async def test_padded_events_are_taken(wire_format: WireFormat, template: bytes, framing: str, verbatim: bool) -> None:
    steps = [view(framing), *read_events(*padded_events(template, 24)), advance(1), *read(LAST)]
    assert await run_both(steps, verbatim=verbatim, wire_format=wire_format) == 22


@PADDED
@pytest.mark.parametrize("verbatim", [False, True])
async def test_several_padded_chunks_are_taken(wire_format: WireFormat, template: bytes, verbatim: bool) -> None:
    chunks = [*map(chunk, padded_events(template, 20))]
    reads = [chunks[0], chunks[1], *(b"".join(chunks[at : at + 3]) for at in range(2, 20, 3))]
    assert await run_both([view("sse"), *read(*reads)], verbatim=verbatim, wire_format=wire_format) == 6


@PADDED
@pytest.mark.parametrize(
    "padding",
    [
        *(b'"', b"\\", b"\\u0061", b'\\"', b"\n", b"\r", b"\t", b"\x00", b"\xff", b"\x7f", "é".encode(), b"\n\n\r\n"),
        *(
            b'","obfuscation":"',
            b'","content":"x',
            b'","delta":"x',
            b'"}\n\n\r\n0\r\n\r\n',
            b'"},"x":{"y":"',
            b"a\r\nb",
        ),
    ],
)
async def test_padding_that_is_spelled_otherwise(wire_format: WireFormat, template: bytes, padding: bytes) -> None:
    template = template.replace(b"%(spaces)b", b"%(padding)b")
    before, odd = [padded(template, number, "a", b"  ") for number in range(4)], padded(template, 4, "odd", padding)
    after = [padded(template, number, "b", b" ") for number in range(5, 9)]
    several = read(b"".join(map(chunk, [*after[:2], odd, *after[2:]])))
    steps = [view("sse"), *read_events(*before, odd, *after), *several, *read_events(*after)]
    await run_both(steps, verbatim=True, wire_format=wire_format)


@pytest.mark.parametrize("framing", ["sse", "chat"])
@pytest.mark.parametrize("verbatim", [False, True])
async def test_events_without_a_space_behind_their_colons_are_taken(framing: str, verbatim: bool) -> None:
    events = [data.replace(b"data: ", b"data:") for data in map(event, PADDED_TEXTS * 2)]
    steps = [view(framing), *read_events(*events, FINISH, b"data:[DONE]\n\n"), *read(LAST)]
    assert await run_both(steps, verbatim=verbatim) == 2 * len(PADDED_TEXTS) - 2


@PADDED
async def test_padded_events_without_a_space_behind_their_colons_are_taken(
    wire_format: WireFormat, template: bytes
) -> None:
    template = template.replace(b"event: ", b"event:").replace(b"data: ", b"data:")
    chunks = [*map(chunk, padded_events(template, 20))]
    reads = [*chunks[:11], *(b"".join(chunks[at : at + 3]) for at in range(11, 20, 3))]
    assert await run_both([view("sse"), *read(*reads)], verbatim=True, wire_format=wire_format) == 12


async def test_an_event_with_another_space_than_the_last_one_is_not_taken() -> None:
    with_space, without = event("a"), event("b").replace(b"data: ", b"data:")
    assert await run_both([view("sse"), *read_events(*[with_space] * 4, *[without] * 4, with_space)]) == 5


LONG: Final = ("x" * 300, "é\n" * 60, "y" * 200, "a\\b", "\U0001f642")
"""Texts whose chunks have sizes of two and of three digits."""


@pytest.mark.parametrize("framing", ["sse", "websocket", "chat"])
@pytest.mark.parametrize("verbatim", [False, True])
@pytest.mark.parametrize("count", [2, 3, 5])
async def test_several_chunks_in_one_read_are_taken(framing: str, verbatim: bool, count: int) -> None:
    begin = read_events(event("a"), event("b"))
    several = read(*[b"".join(chunk(event(text)) for text in texts[:count]) for texts in (TEXTS + LONG, LONG, TEXTS)])
    steps = [view(framing), *begin, *several, *read_events(event("c"), FINISH), *read(LAST)]
    assert await run_both(steps, verbatim=verbatim) == 4


@pytest.mark.parametrize("provider", range(len(NUMBERED_EVENTS)))
@pytest.mark.parametrize("verbatim", [False, True])
@pytest.mark.parametrize("first", [0, 7, 97])
async def test_several_numbered_chunks_are_taken(provider: int, verbatim: bool, first: int) -> None:
    chunks = [chunk(numbered(number, f"é{number}", provider)) for number in range(first, first + 9)]
    reads = [chunks[0], chunks[1], b"".join(chunks[2:4]), chunks[4], b"".join(chunks[5:8]), chunks[8]]
    steps = [view("sse"), *read(*reads, chunk(RESPONSE_END % (first + 9)), LAST)]
    assert await run_both(steps, verbatim=verbatim, wire_format=OpenAIResponsesFormat()) == 4


@pytest.mark.parametrize(
    "odd",
    [
        *(event(""), FINISH, TOOL_CALL, raw(b'"\\ud83d"'), raw(b"null"), raw(b'"a","b"'), raw(b'"a'), raw(b'"a\n"')),
        *(b": ping\n\n", b"data: [DONE]\n\n", event("z" * 4000), event("a") + event("b")),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_several_chunks_with_another_event_among_them(odd: bytes, at: int) -> None:
    texts = [event(text) for text in TEXTS]
    several = [chunk(data) for data in texts]
    several.insert(at, chunk(odd))
    reads = read(b"".join(several))
    await run_both([view("sse"), *read_events(*texts), *reads, *read_events(*texts), *reads, *read_events(*texts)])


@pytest.mark.parametrize("wrong", [b"%x\r\n%b\n", b"0%x\r\n%b\r\n", b"%x;a\r\n%b\r\n", b"1%x\r\n%b\r\n"])
async def test_several_chunks_that_are_framed_otherwise(wrong: bytes) -> None:
    texts = [event(text) for text in TEXTS]
    reads = read(b"".join([chunk(texts[0]), wrong % (len(texts[1]), texts[1]), chunk(texts[2])]))
    await run_both([view("sse"), *read_events(*texts), *reads, *read_events(*texts)])


@pytest.mark.parametrize("limit", [40, 60, 63, 64, 66, 70])
async def test_several_chunks_end_at_the_size_limit(limit: int) -> None:
    reads = read(*[b"".join(chunk(event(text)) for text in TEXTS)] * 4)
    await run_both([view("sse"), *read_events(*map(event, TEXTS)), *reads], output_limit=limit)
    await run_both([view("chat"), *read_events(*map(event, TEXTS)), *reads], output_limit=limit, verbatim=True)


async def test_reasoning_is_taken_and_the_text_after_it() -> None:
    thoughts = [event("hm", "reasoning_content")] * 6
    assert await run_both([view("sse"), *read_events(*thoughts, *[event("so")] * 6)]) == 8


@pytest.mark.parametrize(
    "between", [FINISH, EARLY_FINISH, TOOL_CALL, b": ping\n\n", b"data: {}\n\n", b"data: {\n\n", b"\n"]
)
async def test_other_events_between(between: bytes) -> None:
    texts = [event(text) for text in TEXTS]
    await run_both([view("sse"), *read_events(*texts, between, *texts, between, *texts), advance(6), advance(30)])


@pytest.mark.parametrize(
    "command", [interrupt, revise, lose, hold, advance(30), catch_up, view("websocket"), view("sse", reads=False)]
)
async def test_what_happens_between_two_texts(command: Step) -> None:
    texts = read_events(*map(event, TEXTS))
    await run_both([view("sse"), *texts, command, *texts, release, catch_up, *texts, *read(LAST)])


async def test_a_log_that_is_held_shows_nothing_until_its_release() -> None:
    texts = read_events(*map(event, TEXTS))
    assert await run_both([view("sse"), *texts, hold, *texts, renew, *texts, release, *texts]) == 6


async def test_nothing_is_taken_behind_the_fence() -> None:
    texts = read_events(*map(event, TEXTS))
    assert await run_both([view("sse"), *texts, fence, *texts]) == 2


async def test_a_slow_client_gets_joined_text() -> None:
    texts = read_events(*map(event, TEXTS * 10))
    assert await run_both([view("sse", reads=False), *texts, catch_up, *texts, *read_events(FINISH)]) > 70


async def test_several_viewers_share_frames() -> None:
    texts = read_events(*map(event, TEXTS * 3))
    assert await run_both([view("sse"), view("sse"), view("chat"), *texts, view("sse"), *texts]) > 20


async def test_a_log_without_viewers() -> None:
    assert await run_both(read_events(*map(event, TEXTS * 3))) == 10


@pytest.mark.parametrize("limit", [30, 60, 61, 62, 63, 64, 100])
async def test_the_size_limit_cuts_at_the_same_place(limit: int) -> None:
    await run_both([view("sse"), *read_events(*map(event, TEXTS * 10))], output_limit=limit)
    await run_both([view("chat"), *read_events(*map(event, TEXTS * 10))], output_limit=limit, verbatim=True)


@pytest.mark.parametrize("budget_usd", [20.0, 50.0, 300.0])
async def test_the_budget_ends_at_the_same_place(budget_usd: float) -> None:
    await run_both([view("sse"), *read_events(*map(event, TEXTS * 30))], budget_usd=budget_usd)


async def test_a_minimum_rate_is_measured() -> None:
    slow = [step for text in TEXTS * 3 for step in (*read_events(event(text)), advance(1))]
    assert await run_both([view("sse"), *slow], min_chars=10) == 0


async def test_a_long_answer_is_joined_in_the_log() -> None:
    assert await run_both([view("sse"), *read_events(*map(event, TEXTS * 150))]) == 598


def joined(events: Sequence[bytes], cuts: Sequence[int], *, per_chunk: int) -> list[bytes]:
    """Return the reads of events, some of them in one chunk, whose bytes are cut where `cuts` says."""
    chunks = [chunk(b"".join(events[at : at + per_chunk])) for at in range(0, len(events), per_chunk)]
    data = b"".join(chunks)
    ends = sorted({*(cut % len(data) for cut in cuts), len(data)} - {0})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


TEXT_EVENTS: Final = st.sampled_from(TEXTS).map(event) | st.text(max_size=6).map(event)
ODD_EVENTS: Final = st.sampled_from(
    [
        *(
            FINISH,
            EARLY_FINISH,
            TOOL_CALL,
            b": ping\n\n",
            b"data: {}\n\n",
            b"data: x\n\n",
            event(""),
            event("t", "reasoning_content"),
        ),
        *(
            event("a").replace(b"\n", b"\r\n"),
            event("a").replace(b"\n\n", b"\r\r"),
            event("a").replace(b"data: ", b"data:"),
        ),
        *(
            raw(b'"\\ud83d"'),
            raw(b'"\\ude42"'),
            raw(b'"\\u00e9"'),
            b"data: [DONE]\n\n",
            event("a").replace(b'"c"', b'"d"'),
        ),
    ]
)
EVENTS: Final = st.one_of(TEXT_EVENTS, TEXT_EVENTS, TEXT_EVENTS, ODD_EVENTS)
READS: Final = st.one_of(
    st.lists(EVENTS, min_size=1, max_size=8).map(lambda events: read_events(*events)),
    st.builds(
        lambda events, cuts, per_chunk: read(*joined(events, cuts, per_chunk=per_chunk)),
        st.lists(EVENTS, min_size=1, max_size=6),
        st.lists(st.integers(0, 2000), max_size=5),
        st.integers(1, 3),
    ),
)
OTHERS: Final = st.one_of(
    st.sampled_from([interrupt, fence, revise, lose, hold, renew, release, catch_up]).map(lambda step: [step]),
    st.builds(
        lambda framing, reads: [view(framing, reads=reads)],
        st.sampled_from(["sse", "websocket", "chat"]),
        st.booleans(),
    ),
    st.floats(0.1, 30).map(lambda seconds: [advance(seconds)]),
)
STEPS: Final = st.lists(st.one_of(READS, READS, READS, OTHERS), min_size=1, max_size=12).map(
    lambda groups: [view("sse"), *read_events(*map(event, TEXTS)), *(step for group in groups for step in group)]
)


def _run(coroutine: Coroutine[object, object, int]) -> int:
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


@given(STEPS, st.booleans(), st.sampled_from([DEFAULT_OUTPUT_BYTES, 200]), st.sampled_from([0.0, 200.0]))
def test_random_streams_are_equal(steps: list[Step], verbatim: bool, output_limit: int, budget_usd: float) -> None:
    assert _run(run_both(steps, verbatim=verbatim, output_limit=output_limit, budget_usd=budget_usd)) >= 2


NUMBERED_READS: Final = st.lists(
    st.one_of(
        # Texts with the next numbers, from one on; sometimes with the same number again, or with a gap.
        st.builds(
            lambda first, step, texts: [numbered(first + step * at, text) for at, text in enumerate(texts)],
            st.integers(0, 120),
            st.sampled_from([1, 1, 1, 1, 0, 2, 10]),
            st.lists(st.sampled_from(TEXTS) | st.text(max_size=4), min_size=1, max_size=6),
        ),
        st.builds(
            lambda number, text, provider: [numbered(number, text, provider)],
            st.integers(0, 120),
            st.text(max_size=3),
            st.integers(0, 2),
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(NUMBERED_READS, st.lists(st.integers(0, 2000), max_size=3), st.integers(1, 3), st.booleans())
def test_random_numbered_events_are_equal(
    groups: list[list[bytes]],
    cuts: list[int],
    per_chunk: int,
    verbatim: bool,
) -> None:
    events = [event for group in groups for event in group]
    reads = [*read_events(*events), *read(*joined(events, cuts, per_chunk=per_chunk)), *read_events(*events)]
    _run(run_both([view("sse"), *reads], verbatim=verbatim, wire_format=OpenAIResponsesFormat()))


PADDED_VALUES: Final = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 1, 0, 2]),
        st.sampled_from(PADDED_TEXTS) | st.text(max_size=4),
        st.sampled_from(PADDINGS) | st.text(max_size=4).map(str.encode) | st.binary(max_size=3),
    ),
    min_size=1,
    max_size=12,
)


@given(
    st.sampled_from(PADDED_EVENTS),
    PADDED_VALUES,
    st.lists(st.integers(0, 4000), max_size=3),
    st.integers(1, 3),
    st.data(),
)
def test_random_padded_events_are_equal(
    server: tuple[WireFormat, bytes],
    values: list[tuple[int, str, bytes]],
    cuts: list[int],
    per_chunk: int,
    data: st.DataObject,
) -> None:
    wire_format, template = server
    if data.draw(st.booleans()):
        template = template.replace(b"%(spaces)b", b"%(padding)b")
    numbers = accumulate(step for step, _, _ in values)
    events = [padded(template, number, *value[1:]) for number, value in zip(numbers, values, strict=True)]
    begin = padded_events(template.replace(b"%(padding)b}\n", b"%(spaces)b}\n"), 3)
    reads = [*read_events(*begin, *events), *read(*joined(events, cuts, per_chunk=per_chunk)), *read_events(*events)]
    _run(run_both([view("sse"), *reads], verbatim=data.draw(st.booleans()), wire_format=wire_format))


@given(st.lists(TEXT_EVENTS, min_size=3, max_size=5), st.data())
def test_every_split_of_a_stream_is_equal(events: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(chunk, events))
    start = data.draw(st.integers(0, len(stream) - 1))
    end = data.draw(st.integers(start, len(stream)))
    reads = [piece for piece in (stream[:start], stream[start:end], stream[end:]) if piece]
    _run(run_both([view("sse"), *read_events(*map(event, TEXTS)), *read(*reads), *read_events(*map(event, TEXTS))]))


class LearningPath:
    """A fast path that takes nothing, and keeps what it was taught last."""

    layout: ChunkLayout | None = None

    def learn(self, layout: ChunkLayout | None) -> None:
        self.layout = layout

    def read(self, _data: bytes) -> bool:
        return False


async def learning() -> tuple[StreamedResponse, Connection, LearningPath, asyncio.Task[None]]:
    """Return a response that has taught its fast path a layout, its connection, that path, and its stream."""
    upstream, path = SocketUpstream(OpenAIChatFormat(), fast=True, verbatim=False), LearningPath()
    response = await upstream.open(UpstreamRequest("m", (), {}))
    stream = asyncio.ensure_future(response.stream(lambda _events: None))
    await settle()
    response.use_fast_path(path)
    for text in TEXTS:
        upstream.calls[0].protocol.data_received(chunk(event(text)))
    assert path.layout is not None
    return response, upstream.calls[0], path, stream


async def test_a_response_that_is_stopped_teaches_nothing_more() -> None:
    response, connection, path, stream = await learning()
    response.stop()
    assert path.layout is None
    connection.protocol.data_received(chunk(event("late")))
    assert path.layout is None
    await stream
    await response.close()


async def test_after_a_pause_nothing_is_known_of_the_parser() -> None:
    response, connection, path, stream = await learning()
    connection.protocol.pause_reading()
    connection.protocol.data_received(chunk(event("later")))
    connection.protocol.resume_reading()
    connection.protocol.data_received(chunk(event("later still")))
    assert path.layout is None
    response.stop()
    await stream
    await response.close()


async def test_a_connection_that_serves_another_request_forgets_the_fast_path() -> None:
    response, connection, _path, stream = await learning()
    UpstreamConnection().attach(connection.protocol)
    assert connection.protocol.take is None
    response.stop()
    await stream
