"""Generated answers of correct providers, through each dialect: cut anywhere, read late, streamed and whole."""

import asyncio
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.dialects.base import DialectStart, ProjectedEvent
from tests.gateway.dialects.accumulators import FOLD, READ, chunks_of, json_or_text
from tests.gateway.dialects.generated import Answer, Style, answers, encode, payloads, styles
from tests.gateway.dialects.pairs import NAMES, NUMBERED, document_of, is_verbatim, joined, project, start_of
from tests.gateway.dialects.recording import ReadPlan, record
from tests.gateway.upstreams.transcripts.case import FORMATS, Api

PAIRS = [(dialect, api) for dialect in NAMES for api in FORMATS]

read_plans = st.builds(
    ReadPlan,
    cuts=st.lists(st.integers(0, 3000), max_size=12).map(tuple),
    max_entries=st.sampled_from((1, 2, 5, 512)),
    plan=st.lists(st.booleans(), min_size=1, max_size=7).map(tuple),
    joined=st.booleans(),
    compacted=st.booleans(),
)


def events_of(
    dialect: str, start: DialectStart, api: Api, stream: bytes, read_plan: ReadPlan | None = None
) -> list[ProjectedEvent]:
    """Return the events of an answer."""
    events, is_cut = project(dialect, start, asyncio.run(record(FORMATS[api](), stream, start, read_plan)))
    assert not is_cut
    return events


@pytest.mark.parametrize(("dialect", "api"), PAIRS)
@settings(max_examples=15)
@given(answer=answers, style=styles, read_plan=read_plans)
def test_any_cut_brings_the_same(dialect: str, api: Api, answer: Answer, style: Style, read_plan: ReadPlan) -> None:
    start, stream = start_of(dialect), encode(api, answer, style)
    events = events_of(dialect, start, api, stream)
    again = events_of(dialect, start, api, stream, read_plan)
    if dialect in NUMBERED or is_verbatim(start, api):
        assert again == events
    else:
        assert joined(again) == joined(events)


@pytest.mark.parametrize(("dialect", "api"), PAIRS)
@settings(max_examples=15)
@given(answer=answers, style=styles)
def test_streamed_is_whole(dialect: str, api: Api, answer: Answer, style: Style) -> None:
    streamed, whole, stream = start_of(dialect), start_of(dialect, stream=False), encode(api, answer, style)
    got = FOLD[dialect](events_of(dialect, streamed, api, stream))
    document = document_of(dialect, whole, asyncio.run(record(FORMATS[api](), stream, whole)))
    assert READ[dialect](document) == got
    assert got.reasoning == answer.reasoning
    assert (got.text, got.refusal) in {(answer.text, answer.refusal), (answer.text + answer.refusal, "")}
    assert [(name, json_or_text(arguments)) for _, name, arguments in got.calls] == answer.calls
    ids = [call_id for call_id, _, _ in got.calls if call_id is not None]
    assert len({*ids}) == len(ids)


@pytest.mark.parametrize("dialect", NAMES)
@settings(max_examples=30)
@given(answer=answers, style=styles, read_plan=read_plans)
def test_what_the_provider_says_in_the_same_api_arrives_as_it_is(
    dialect: str, answer: Answer, style: Style, read_plan: ReadPlan
) -> None:
    start = start_of(dialect)
    assert start.verbatim is not None
    # Before the first content nothing is passed on: another attempt may still bring the answer.
    assume(answer.text or answer.refusal or answer.reasoning or answer.calls)
    api: Api = start.verbatim.api  # type: ignore[assignment]
    events = events_of(dialect, start, api, encode(api, answer, style), read_plan)
    sent = [payload for payload in payloads(api, answer) if isinstance(payload, dict)]
    assert [_neutral(payload) for payload in chunks_of(events)] == [_neutral(payload) for payload in sent]


def _neutral(payload: Any) -> object:  # noqa: ANN401 - as JSON has it
    """Return the data of an event without what is the gateway's: the response's id, and how it is kept."""
    copy = orjson.loads(orjson.dumps(payload))
    for owner in (copy, copy.get("response"), copy.get("message")):
        for name in _GATEWAYS if isinstance(owner, dict) else ():
            owner.pop(name, None)
    return copy


_GATEWAYS = ("id", "store", "background", "previous_response_id")
