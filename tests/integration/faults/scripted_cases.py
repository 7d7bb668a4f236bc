"""Cases of a provider that sends exact bytes, by public reports: providers.md has them all, byte by byte. Data."""

import json
from collections.abc import Sequence
from typing import Final

from gateway.protocol.errors import Code
from tests.integration.faults.case import COMPLETE, Case, Expected, Setup, error
from tests.integration.faults.scripted_provider import DONE, STOP, USAGE, Answer, chunk, data, text

_SETTINGS = {"DUALSTREAM_BREAKER_FAILURES": "0", "DUALSTREAM_RETRY_BASE": "0.1"}
ONCE: Final = Setup("scripted, one attempt", {**_SETTINGS, "DUALSTREAM_MAX_ATTEMPTS": "1"}, scripted=True)
TWICE: Final = Setup("scripted, two attempts", {**_SETTINGS, "DUALSTREAM_MAX_ATTEMPTS": "2"}, scripted=True)
SCRIPTED_SETUPS: Final = (ONCE, TWICE)

WORDS: Final = text("One ") + text("two ") + text("three")
WELL: Final = Answer(WORDS + STOP + USAGE + DONE)
WARM: Final = "warm"
"""Model of an answer without a fault, which leaves a kept connection."""

IMAGE: Final = "data:image/png;base64," + "A" * (3 << 19)
LONG_TEXT: Final = "One two three " * 112_000
ARGUMENTS: Final = json.dumps({"text": "x" * 124_000})
LATE_SECONDS: Final = 2.5


def _case(name: str, fault: str, body: bytes, expected: Expected, content_type: bytes = b"text/event-stream") -> Case:
    return Case(
        name=name,
        fault=fault,
        setup=ONCE,
        answers=[Answer(body, content_type)],
        expected=expected,
        ended_by="either",
    )


def _failed(name: str, fault: str, end: bytes, code: Code, *, retryable: bool = True) -> Case:
    """Return the case of a failure after a piece of the text."""
    return _case(name, fault, text("One ") + end, error(code, "prefix", retryable=retryable))


ERRORS_IN_A_SUCCESS: Final[Sequence[Case]] = (
    _failed("reason error", '`finish_reason: "error"`', chunk(finish_reason="error") + DONE, Code.SERVER_ERROR),
    _failed("reason abort", '`finish_reason: "abort"`', chunk(finish_reason="abort") + DONE, Code.SERVER_ERROR),
    _failed(
        "reason network_error",
        '`finish_reason: "network_error"`',
        chunk(finish_reason="network_error") + DONE,
        Code.NETWORK_ERROR,
    ),
    _case(
        "native reason",
        'nothing, `finish_reason: "stop"`, `native_finish_reason: "network_error"`',
        chunk(finish_reason="stop", native_finish_reason="network_error") + DONE,
        error(Code.NETWORK_ERROR, "none"),
    ),
    _failed(
        "error in a choice",
        "an error object inside the choice",
        chunk(error={"code": 502, "message": "upstream"}, finish_reason="error") + DONE,
        Code.SERVER_ERROR,
    ),
    _failed(
        "error event, flat",
        "`event: error` with `{message, type, code}`",
        b"event: error\n" + data({"message": "no", "type": "invalid_request_error", "code": "tool_use_failed"}) + DONE,
        Code.INVALID_REQUEST,
        retryable=False,
    ),
    _failed(
        "error object",
        '`{"object": "error", "code": 503}`',
        data({"object": "error", "message": "no", "type": "x", "code": 503}) + DONE,
        Code.SERVER_ERROR,
    ),
    _failed(
        "error event, detail",
        "`event: error` with `{detail}`",
        b'event: error\ndata: {"detail":"no"}\n\n',
        Code.SERVER_ERROR,
    ),
    _failed(
        "error in a list",
        "a list with an error object of code 503",
        data([{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}]),
        Code.SERVER_ERROR,
    ),
    _failed(
        "status as a string",
        'an error object with `"code": "429"`',
        data({"error": {"code": "429", "message": "slow down"}}),
        Code.RATE_LIMIT,
    ),
    _case(
        "json error in place of a stream",
        "a JSON error as the whole body, `application/json`",
        json.dumps({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}).encode(),
        error(Code.RATE_LIMIT, "none"),
        b"application/json",
    ),
    _case(
        "json error called a stream",
        "a JSON error as the whole body, `text/event-stream`",
        json.dumps({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}).encode(),
        error(Code.RATE_LIMIT, "none"),
    ),
    _case("end mark alone", "`[DONE]`, and nothing before it", DONE, error(Code.TRUNCATED, "none")),
)

ODD_STREAMS: Final[Sequence[Case]] = (
    _case(
        "empty reasons",
        '`finish_reason: ""` in each chunk',
        text("One ", finish_reason="") + text("two ", finish_reason="") + text("three", finish_reason="") + STOP + DONE,
        COMPLETE,
    ),
    _case(
        "an early reason",
        "a finish reason before the last chunks",
        text("One ", finish_reason="stop") + text("two three") + STOP + USAGE + DONE,
        COMPLETE,
    ),
    _case("no end mark", "a reason, and the body ends without `[DONE]`", WORDS + STOP, COMPLETE),
    _case(
        "keep-alives as data",
        "`data:` empty, `data: : keepalive`, `event: ping` with `{}`",
        text("One ") + b"data:\n\ndata: : keepalive\n\nevent: ping\ndata: {}\n\n" + text("two three") + STOP + DONE,
        COMPLETE,
    ),
    _case(
        "whole message at the end",
        "the last chunk repeats the whole message",
        WORDS + chunk(finish_reason="stop", message={"role": "assistant", "content": "One two three"}) + DONE,
        COMPLETE,
    ),
    _case(
        "text-plain",
        "the stream has the content type `text/plain`",
        WORDS + STOP + DONE,
        COMPLETE,
        b"text/plain",
    ),
    _case(
        "large image",
        "an event of 1.5 MiB: an image",
        WORDS + chunk({"images": [{"type": "image_url", "image_url": {"url": IMAGE}}]}) + STOP + DONE,
        COMPLETE,
    ),
    Case(
        name="large text",
        fault="an event of 1.5 MiB: text",
        setup=ONCE,
        answers=[Answer(text(LONG_TEXT) + STOP + DONE)],
        whole=LONG_TEXT,
        expected=COMPLETE,
        ended_by="either",
    ),
    _case(
        "large tool call",
        "124 KB of arguments, in deltas of 4 characters",
        WORDS
        + chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]})
        + b"".join(
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": ARGUMENTS[start : start + 4]}}]})
            for start in range(0, len(ARGUMENTS), 4)
        )
        + chunk(finish_reason="tool_calls")
        + DONE,
        COMPLETE,
    ),
)

BROKEN_KEPT: Final[Sequence[Case]] = (
    Case(
        name="broken at once",
        fault="a kept connection is closed as the request arrives: the provider had given it up",
        setup=ONCE,
        answers=[Answer(None, end="close"), WELL],
        warmed=True,
        expected=COMPLETE,
        calls=2,
        ended_by="either",
    ),
    Case(
        name="broken late",
        fault=f"a kept connection is closed {LATE_SECONDS:g} s after the request: the call was taken",
        setup=ONCE,
        answers=[Answer(None, end="close", after=LATE_SECONDS), WELL],
        warmed=True,
        expected=error(Code.NETWORK_ERROR, "none"),
        usage_unknown=True,
        ended_by="server",
    ),
    Case(
        name="broken late, retried",
        fault=f"the same with two attempts: {LATE_SECONDS:g} s after the request",
        setup=TWICE,
        answers=[Answer(None, end="close", after=LATE_SECONDS), WELL],
        warmed=True,
        expected=Expected(retried=[Code.NETWORK_ERROR]),
        calls=2,
        ended_by="either",
    ),
)
