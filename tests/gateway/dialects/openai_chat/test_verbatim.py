"""EventWriter that the provider itself sent."""

import orjson
import pytest

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
