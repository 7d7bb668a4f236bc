"""What clients send as JSON or in a URL: bodies, commands, the query of a start, positions."""

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
from tests.fuzz.target import Target, deep, digits, text_of
from transports.sse import _body_of_query

MOST_SAID: Final = 2000
"""Characters of a refusal."""

KINDS: Final[tuple[type[BaseModel], ...]] = (
    StartRequest,
    FeedbackRequest,
    InterruptRequest,
    TicketRequest,
    *COMMANDS.values(),
)


DEEPEST: Final = 4

FITTING: Final[dict[str, object]] = {
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
VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, 1, -1, 100, 2**53, 2**64 - 1, -(2**63), 0.5, 1e308),
    *("", "x", "\0", "\U0001f642", "x" * 9000, "user", "assistant", "system", "revise", "stop", "cancel", "start"),
    *([], {}, [[]], [{}], {"x" * 300: 1}, ["a"] * 9),
)


def refused(refusal: Refused) -> None:
    """See that a refusal can be sent, and does not give back what came."""
    assert len(orjson.dumps(refusal.body())) <= 6 * MOST_SAID
    assert len(refusal.message) + len(refusal.param or "") <= MOST_SAID


def body(data: bytes) -> None:
    """Parse JSON as every kind of body and command; what is taken says the same when it is spelled again."""
    try:
        value = parse_json(data, "The body")
    except Refused as refusal:
        refused(refusal)
        return
    for kind in KINDS:
        try:
            taken = parse(kind, value)
        except Refused as refusal:
            refused(refusal)
        else:
            _spelled_again(taken)


def _spelled_again(taken: BaseModel) -> None:
    if isinstance(taken, StartRequest):
        assert orjson.dumps(taken.options.for_provider())
        assert orjson.dumps([message.model_dump(exclude_unset=True) for message in taken.messages])
    if not isinstance(taken, HelloCommand):
        assert parse(type(taken), orjson.loads(taken.model_dump_json())) == taken


def fields(data: bytes) -> None:
    """Parse a body of a kind, of which the bytes choose each field: none, what belongs there, or something else."""
    codes = iter(data)
    kind = KINDS[next(codes, 0) % len(KINDS)]
    command = next((name for name, each in COMMANDS.items() if each is kind), "start")
    fitting = {**FITTING, "type": command}
    chosen = {name: _value(codes, fitting.get(name), DEEPEST) for name in kind.model_fields if next(codes, 0) % 4}
    body(orjson.dumps(chosen))


def _value(codes: Iterator[int], fitting: object, deeper: int) -> object:
    """Give what fits, with a part of it changed perhaps, or something else."""
    code = next(codes, 1) % 4
    if code == 0 or not deeper:
        return VALUES[next(codes, 0) % len(VALUES)]
    if isinstance(fitting, dict):
        return {name: _value(codes, value, deeper - 1) for name, value in fitting.items() if next(codes, 1) % 8}
    if isinstance(fitting, list):
        return [_value(codes, each, deeper - 1) for each in fitting for _ in range(next(codes, 1) % 3)]
    return fitting


def query(data: bytes) -> None:
    """Read a start out of a URL."""
    try:
        taken = parse(StartRequest, _body_of_query(QueryParams(data)))
    except Refused as refusal:
        refused(refusal)
    else:
        assert taken.messages[0].content


def positions(data: bytes) -> None:
    """Read `Last-Event-ID`; what is taken is a position that can be written."""
    text = text_of(data)
    try:
        generation_id, seq = parse_position(text)
    except Refused as refusal:
        refused(refusal)
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
WORDS: Final = (
    *(f'"{name}":'.encode() for name in sorted({*FITTING, "role", "content", "type"})),
    *(b"null", b"true", b"1e308", b"18446744073709551615", b"-9223372036854775808", b'"\\u0000"', b'"\\ud83d\\ude00"'),
)

TARGETS: Final = [
    Target(
        "body",
        "JSON bodies over HTTP, and commands on a WebSocket",
        "only `Refused`, in few words; what is taken says the same when it is spelled again",
        body,
        [
            _START,
            *_COMMANDS,
            b'{"text":"x","rating":1,"mode":"note"}',
            b'{"generation_id":"g_a","commands":true}',
            b'{"%b":1}' % digits(),
            deep(),
        ],
        WORDS,
        fast=True,
    ),
    Target(
        "fields",
        "the same, made of what belongs there, with other values in between",
        "as `body`",
        fields,
        [bytes([kind]) + b"\1" * 60 for kind in range(len(KINDS))],
        fast=True,
    ),
    Target(
        "query",
        "the query of `GET /api/chat/stream`",
        "only `Refused`, in few words",
        query,
        [b"prompt=Hello&model=m&ticket=t", b"prompt=%C3%A9%00+%ff"],
        (b"prompt=", b"model=", b"ticket=", b"%"),
        fast=True,
    ),
    Target(
        "position",
        "`Last-Event-ID`, `last_event_id`, `after`",
        "only `Refused`; what is taken can be written again",
        positions,
        [b"g_abc:12", b"g:0", b"refused", b"a:b:3", b"g:" + digits()],
        (b"g_", b":", b"999999999999999"),
        fast=True,
    ),
]
