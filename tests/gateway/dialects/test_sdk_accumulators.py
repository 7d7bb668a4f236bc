"""What the official libraries put together of a stream is the response that is not streamed. Skipped without them.

The accumulators of `openai` and `anthropic` are what their `.stream()` helpers use. Both are installed for the tests
with real clients, not for these: their folder is appended to `sys.path`, after what is installed for all tests.
"""

import asyncio
import json
import sys

import pytest
from hypothesis import assume, given, settings

from tests.gateway.dialects.accumulators import READ, Got, chunks_of
from tests.gateway.dialects.generated import Answer, Image, Style, Text, answers, encode, styles
from tests.gateway.dialects.pairs import document_of, project, start_of
from tests.gateway.dialects.recording import record
from tests.gateway.upstreams.transcripts.case import FORMATS, Api
from tests.integration.clients.installation import installation

sys.path += map(str, (installation().folder / "venv").glob("lib/python*/site-packages"))


def both(dialect: str, api: Api, answer: Answer, style: Style) -> tuple[list[object], Got]:
    """Return the events of a stream, and the response that is not streamed."""
    streamed, whole, stream = start_of(dialect), start_of(dialect, stream=False), encode(api, answer, style)
    events, _ = project(dialect, streamed, asyncio.run(record(FORMATS[api](), stream, streamed)))
    document = document_of(dialect, whole, asyncio.run(record(FORMATS[api](), stream, whole)))
    return chunks_of(events), READ[dialect](document)


@pytest.mark.parametrize("api", FORMATS)
@settings(max_examples=15)
@given(answer=answers, style=styles)
def test_chat_completions(api: Api, answer: Answer, style: Style) -> None:
    chat = pytest.importorskip("openai.lib.streaming.chat")
    types = pytest.importorskip("openai.types.chat")
    # The library takes a second image or citation only with an index, which not every server sends.
    if api == "openai":
        assume(sum(isinstance(item, Image) for item in answer.items) < 2)
        assume(sum(isinstance(item, Text) and item.cites for item in answer.items) < 2)
    chunks, whole = both("openai_chat", api, answer, style)
    state = chat.ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(types.ChatCompletionChunk.model_validate(chunk))
    completion = json.loads(state.current_completion_snapshot.model_dump_json(warnings=False))
    assert _essence(READ["openai_chat"](completion)) == _essence(whole)


@pytest.mark.parametrize("api", FORMATS)
@settings(max_examples=15)
@given(answer=answers, style=styles)
def test_responses(api: Api, answer: Answer, style: Style) -> None:
    streaming = pytest.importorskip("openai.lib.streaming.responses._responses")
    types = pytest.importorskip("openai.types.responses")
    models = pytest.importorskip("openai._models")
    events, whole = both("openai_responses", api, answer, style)
    state = streaming.ResponseStreamState(input_tools=[], text_format=pytest.importorskip("openai").omit)
    completed = None
    for event in events:
        built = models.construct_type(type_=types.ResponseStreamEvent, value=event)
        for found in state.handle_event(built):
            completed = found.response if found.type in {"response.completed", "response.incomplete"} else completed
    assert completed is not None
    assert _essence(READ["openai_responses"](json.loads(completed.model_dump_json(warnings=False)))) == _essence(whole)


@pytest.mark.parametrize("api", FORMATS)
@settings(max_examples=15)
@given(answer=answers, style=styles)
def test_messages(api: Api, answer: Answer, style: Style) -> None:
    messages = pytest.importorskip("anthropic.lib.streaming._messages")
    events, whole = both("anthropic", api, answer, style)
    snapshot, buffers = None, dict[int, bytes]()
    for event in events:
        snapshot = messages.accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    assert _essence(READ["anthropic"](json.loads(snapshot.model_dump_json(warnings=False)))) == _essence(whole)


def _essence(got: Got) -> object:
    """Return what the libraries keep of every answer."""
    calls = [(call_id, name, json.dumps(arguments)) for call_id, name, arguments in got.calls]
    return got.text, got.refusal, calls, got.end, got.id, got.model
