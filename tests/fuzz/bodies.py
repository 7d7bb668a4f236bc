"""Input of clients as JSON or in a URL: bodies, commands, the query of a start, positions."""

from collections.abc import Iterator
from typing import Final

import orjson
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from gateway.api.requests import parse_json
from gateway.protocol.commands import (
    COMMANDS,
    FeedbackRequest,
    HelloCommand,
    InterruptRequest,
    StartRequest,
    TicketRequest,
    parse,
)
from gateway.protocol.errors import Refused
from gateway.protocol.position import format_position, parse_position, parse_position_of
from tests.fuzz.target import Target, digits, header_text, nested_list
from transports.sse import _body_of_query

MAX_REFUSAL_LENGTH: Final = 2000
"""Maximum characters of a refusal."""

KINDS: Final[tuple[type[BaseModel], ...]] = (
    StartRequest,
    FeedbackRequest,
    InterruptRequest,
    TicketRequest,
    *COMMANDS.values(),
)

MAX_DEPTH: Final = 4
"""Maximum nesting of fields that `_choose` varies."""

VALID: Final[dict[str, object]] = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "x"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
    ],
    "model": "m",
    "options": {
        "temperature": 0.5,
        "max_tokens": 9,
        "stop": ["a"],
        "seed": 7,
        "tools": [{"a": {}}],
        "tool_choice": "auto",
        "on_disconnect": "grace",
    },
    "metadata": {"a": "b", "": "\0"},
    "id": 1,
    "idempotency_key": "k",
    "generation_id": "g_a",
    "after": "g_a:1",
    "reason": "enough",
    "text": "shorter",
    "rating": 1,
    "mode": "note",
    "scope": "socket",
    "commands": True,
    "token": "ds_a",
    "ticket": "t",
}
OTHERS: Final[tuple[object, ...]] = (
    *(None, True, False, 0, 1, -1, 100, 2**53, 2**64 - 1, -(2**63), 0.5, 1e308),
    *("", "x", "\0", "\U0001f642", "x" * 9000, "user", "assistant", "system", "revise", "stop", "cancel", "start"),
    *([], {}, [[]], [{}], {"x" * 300: 1}, ["a"] * 9),
)


def check_refusal(refusal: Refused) -> None:
    """Check that a refusal can be sent, and that its size does not depend on the input's."""
    assert len(orjson.dumps(refusal.body())) <= 6 * MAX_REFUSAL_LENGTH
    assert len(refusal.message) + len(refusal.param or "") <= MAX_REFUSAL_LENGTH


def body(data: bytes) -> None:
    """Parse JSON as every kind of body and command. An accepted value is the same after encoding and parsing it."""
    try:
        value = parse_json(data, "The body")
    except Refused as refusal:
        check_refusal(refusal)
        return
    for kind in KINDS:
        try:
            parsed = parse(kind, value)
        except Refused as refusal:
            check_refusal(refusal)
        else:
            _check_round_trip(parsed)


def _check_round_trip(parsed: BaseModel) -> None:
    if isinstance(parsed, StartRequest):
        assert orjson.dumps(parsed.options.for_provider())
        assert orjson.dumps([message.model_dump(exclude_unset=True) for message in parsed.messages])
    if not isinstance(parsed, HelloCommand):
        assert parse(type(parsed), orjson.loads(parsed.model_dump_json())) == parsed


def fields(data: bytes) -> None:
    """Parse a body whose fields the input chooses: each is missing, valid, or has another value."""
    codes = iter(data)
    kind = KINDS[next(codes, 0) % len(KINDS)]
    command = next((name for name, each in COMMANDS.items() if each is kind), "start")
    valid = {**VALID, "type": command}
    chosen = {name: _choose(codes, valid.get(name), MAX_DEPTH) for name in kind.model_fields if next(codes, 0) % 4}
    body(orjson.dumps(chosen))


def _choose(codes: Iterator[int], valid: object, depth: int) -> object:
    """Return a valid value, possibly with some of its parts replaced, or another value."""
    code = next(codes, 1) % 4
    if code == 0 or not depth:
        return OTHERS[next(codes, 0) % len(OTHERS)]
    if isinstance(valid, dict):
        return {name: _choose(codes, value, depth - 1) for name, value in valid.items() if next(codes, 1) % 8}
    if isinstance(valid, list):
        return [_choose(codes, each, depth - 1) for each in valid for _ in range(next(codes, 1) % 3)]
    return valid


def query(data: bytes) -> None:
    """Parse the query of a start."""
    try:
        start = parse(StartRequest, _body_of_query(QueryParams(data)))
    except Refused as refusal:
        check_refusal(refusal)
    else:
        assert start.messages[0].content


def positions(data: bytes) -> None:
    """Parse `Last-Event-ID`. An accepted position can be formatted and parsed again."""
    text = header_text(data)
    try:
        generation_id, seq = parse_position(text)
    except Refused as refusal:
        check_refusal(refusal)
        return
    assert parse_position(format_position(generation_id, seq)) == (generation_id, seq)
    assert parse_position_of(generation_id, text) == seq >= 0


_START: Final = (
    b'{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]}],'
    b'"model":"m","options":{"temperature":0.5,"stop":["a"],"seed":7,"tools":[{}],"tool_choice":"auto",'
    b'"on_disconnect":"grace"},"metadata":{"a":"b"}}'
)
_COMMANDS: Final = [
    b'{"type":"start","id":"a","idempotency_key":"k","messages":[{"role":"user","content":[{"text":"x"}]}]}',
    b'{"type":"attach","id":1,"generation_id":"g_a","after":"g_a:7"}',
    b'{"type":"attach","generation_id":"g_a","after":3}',
    b'{"type":"interrupt","generation_id":"g_a","reason":"enough"}',
    b'{"type":"feedback","generation_id":"g_a","text":"shorter","rating":-1,"mode":"revise"}',
    b'{"type":"ping","id":7}',
    b'{"type":"hello","token":"ds_a"}',
]
TOKENS: Final = (
    *(f'"{name}":'.encode() for name in sorted({*VALID, "role", "content", "type"})),
    *(b"null", b"true", b"1e308", b"18446744073709551615", b"-9223372036854775808", b'"\\u0000"', b'"\\ud83d\\ude00"'),
)

TARGETS: Final = [
    Target(
        "body",
        "JSON bodies over HTTP, and commands on a WebSocket",
        "only `Refused`, with a short message; an accepted value survives encoding and parsing",
        body,
        [
            _START,
            *_COMMANDS,
            b'{"text":"x","rating":1,"mode":"note"}',
            b'{"generation_id":"g_a","commands":true}',
            b'{"%b":1}' % digits(),
            nested_list(),
        ],
        TOKENS,
        fast=True,
    ),
    Target(
        "fields",
        "the same, built from valid and other values",
        "as `body`",
        fields,
        [bytes([kind]) + b"\1" * 60 for kind in range(len(KINDS))],
        fast=True,
    ),
    Target(
        "query",
        "the query of `GET /api/chat/stream`",
        "only `Refused`, with a short message",
        query,
        [b"prompt=Hello&model=m&ticket=t", b"prompt=%C3%A9%00+%ff"],
        (b"prompt=", b"model=", b"ticket=", b"%"),
        fast=True,
    ),
    Target(
        "position",
        "`Last-Event-ID`, `last_event_id`, `after`",
        "only `Refused`; an accepted position survives formatting and parsing",
        positions,
        [b"g_abc:12", b"g:0", b"refused", b"a:b:3", b"g:" + digits()],
        (b"g_", b":", b"999999999999999"),
        fast=True,
    ),
]
