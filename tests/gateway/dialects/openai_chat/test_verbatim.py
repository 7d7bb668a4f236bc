"""EventWriter that the provider itself sent."""

from typing import Final

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects.openai_chat.verbatim import VerbatimEvents
from gateway.generation.event_log import Entry, EventLog
from gateway.protocol.events import Chunk, TextBatch, Verbatim
from tests.gateway.dialects.openai_chat.responses import provider_chunk

TEXT = orjson.dumps(provider_chunk({"content": "a"}, usage=None))
FINISH = orjson.dumps(provider_chunk({}, "stop"))
FIGURES = orjson.dumps({"choices": [], "usage": {"prompt_tokens": 1}})


def entries(*events: Chunk | TextBatch | Verbatim) -> list[Entry]:
    """Return the entries of a log with these events."""
    log = EventLog("g_1")
    log.extend(events)
    return [*log.since(0)]


def passed(*events: Chunk | TextBatch | Verbatim, usage: bool = True) -> list[bytes]:
    """Return what is passed on of a log."""
    verbatim = VerbatimEvents(usage=usage)
    return [chunk.data for entry in entries(*events) for chunk in verbatim.pass_on(entry)]


def test_every_line_is_a_chunk() -> None:
    lines = Verbatim(b"\n".join([TEXT, TEXT]))
    assert passed(lines, TextBatch.of(Chunk, ["a", "a"]), Verbatim(FINISH), Verbatim(FIGURES)) == [
        *(TEXT, TEXT, FINISH, FIGURES)
    ]


def test_figures_that_the_client_did_not_ask_for_are_left_out() -> None:
    without = TEXT.replace(b',"usage":null', b"")
    assert without != TEXT
    assert passed(Verbatim(TEXT), Chunk("a"), Verbatim(FIGURES), usage=False) == [without]


def test_a_text_that_looks_like_the_field_stays() -> None:
    line = orjson.dumps(provider_chunk({"content": ',"usage":null'}))
    assert passed(Verbatim(line), Chunk(',"usage":null'), usage=False) == [line]


LINES: Final = [
    b'{"id":"c","choices":[{"index":0,"delta":{"content":%b}}]}',
    b'{"id": "c", "choices": [{"index": 0, "delta": {"content": %b}}], "usage": null}',
    b'{"usage":null,"choices":[{"delta":{"content":%b}}],"usage":null}',
    b'{"id":"c","model":"a:","choices":[{"delta":{"content":%b}}]}',
    b'{"id":"c","choices":[{"delta":{"content":%b},"finish_reason":"stop"}]}',
    b'{"id":"c","choices":[{"delta":{"content":%b},"error":{"message":"secret"}}]}',
    b'{"id":"c","choices":[{"delta":{"content":%b}}],"usage":{"prompt_tokens":1}}',
    b'{"error":0,"choices":[{"delta":{"content":%b}}]}',
    b'{"choices":[{"delta":{%b:"content"}}]}',
    b'{"a":%b,"choices":[{"delta":{"content":"a"}}]}',
    *(
        b'{"choices":[{"delta":{"content":%%b}}],"usage":null,"obfuscation":"%b"}' % padding
        for padding in (b"", b"a", b"a", b"error", b"usage", b",", b'x","error":"', b'x","usage":"', b"\\\\", b"}")
    ),
    b'{"choices":[{"delta":{"content":%b}}],"obfuscation":"xyz","usage":null}',
    b'{"choices":[{"delta":{"content":%b}}],"obfuscation":"","usage":null}',
    b'{"obfuscation":"xyz","choices":[{"delta":{"content":%b}}],"usage":null}',
    b'{"choices":[{"delta":{"content":%b}}]}',
    b'{"choices":[{"delta":{"content":%b}}]    }',
    b'{"choices":[{"delta":{"content":%b}}] }',
]
STRINGS: Final = [
    *("a", "b", ",", ":", "error", "usage", "content", "\n", "", "index"),
    '"error"',
    ',"usage":null',
    '"usage',
]


SENT: Final = st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(STRINGS), st.booleans()), max_size=8)


@given(SENT, st.booleans())
@example([(LINES[3], ",", False), (LINES[3], "x", False)], False)
@example([(line, "a", False) for line in LINES[-15:]], False)
@example([(line, "error", False) for line in LINES[-15:]], True)
@example([(LINES[4], "a", False), (LINES[4], "error", False), (LINES[0], "a", False)], False)
@example([(LINES[8], "a", False), (LINES[8], "error", False), (LINES[8], "usage", False)], False)
def test_the_short_way_of_text_passes_on_the_same(
    sent: list[tuple[bytes, str, bool]],
    usage: bool,
) -> None:
    short, reference = VerbatimEvents(usage=usage), VerbatimEvents(usage=usage)
    for line, text, twice in sent:
        data = b"\n".join([line % orjson.dumps(text)] * (1 + twice))
        (entry,) = entries(Verbatim(data), Chunk(text))
        expected = [event.data for event in reference.pass_on(entry)]
        lines = short.plain_text(data, orjson.dumps(text))
        assert (lines.split(b"\n") if lines else [event.data for event in short.pass_on(entry)]) == expected
        assert short.last_chunk() == reference.last_chunk()
        assert (short.has_usage, short.has_finish_reason) == (reference.has_usage, reference.has_finish_reason)


@pytest.mark.parametrize(
    "line",
    [
        b"[DONE]",
        b'"[DONE]"',
        b"{",
        b"[]",
        b'{"error":{"message":"secret"}}',
        b'{"choices":[{"delta":{},"error":{"message":"secret"}}]}',
    ],
)
def test_errors_and_ends_are_not_passed_on(line: bytes) -> None:
    assert passed(Verbatim(line)) == []


def test_an_error_beside_content_is_not_passed_on_either() -> None:
    line = orjson.dumps({"choices": [{"delta": {"content": "a"}, "error": {"message": "secret"}}]})
    assert passed(Verbatim(line), Chunk("a")) == []


@pytest.mark.parametrize("line", [b'{"error":null,"choices":[]}', b'{"choices":[{"delta":{"content":"\\"error\\""}}]}'])
def test_what_only_names_an_error_is_passed_on(line: bytes) -> None:
    assert passed(Verbatim(line), Chunk("a")) == [line]
    assert passed(Verbatim(line)) == [line]


@pytest.mark.parametrize(
    ("events", "finish", "figures"),
    [
        ([Verbatim(TEXT), Chunk("a")], False, False),
        ([Verbatim(TEXT), Chunk("a"), Verbatim(FINISH)], True, False),
        ([Verbatim(FINISH), Chunk("a")], True, False),
        ([Verbatim(FIGURES)], False, True),
        ([Verbatim(TEXT.replace(b'"finish_reason":null', b'"finish_reason":""')), Chunk("a")], False, False),
    ],
)
def test_it_knows_which_ends_have_come(events: list[Chunk | Verbatim], finish: bool, figures: bool) -> None:
    verbatim = VerbatimEvents(usage=True)
    for entry in entries(*events):
        verbatim.pass_on(entry)
    assert (verbatim.has_finish_reason, verbatim.has_usage) == (finish, figures)


def test_it_knows_the_last_chunk_with_content() -> None:
    verbatim = VerbatimEvents(usage=True)
    assert verbatim.last_chunk() == {}
    for entry in entries(Verbatim(TEXT), Chunk("a"), Verbatim(FINISH)):
        verbatim.pass_on(entry)
    assert verbatim.last_chunk()["id"] == "theirs"


def test_the_last_chunk_can_be_continued() -> None:
    verbatim = VerbatimEvents(usage=True)
    [entry] = entries(Verbatim(rb'{"id":"\ud83d","choices":[]}'), Chunk("a"))
    verbatim.pass_on(entry)
    assert verbatim.last_chunk()["id"] == "\ufffd"


@pytest.mark.parametrize("usage", [False, True])
def test_a_padded_chunk_keeps_its_own_padding(usage: bool) -> None:
    verbatim = VerbatimEvents(usage=usage)
    event = b'{"choices":[{"delta":{"content":"%b"}}]%b,"obfuscation":"%b"}'
    null = b',"usage":null'
    for text, padding in ((b"a", b"k2J"), (b"bc", b"x8"), (b"d", b""), (b'\\"obfuscation\\":\\"', b"m0Zq")):
        data = event % (text, null, padding)
        expected = event % (text, null if usage else b"", padding)
        assert verbatim.plain_text(data, b'"%b"' % text) == expected
