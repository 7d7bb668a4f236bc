"""Any log as a UI message stream: what the SDK accepts, and what it must come to."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.numbering import NumberedProjection
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.protocol.events import Complete, Revision
from tests.gateway.dialects.ai_sdk.logs import Answer, answers
from tests.gateway.dialects.ai_sdk.streams import IDENTITY, chunks_of, log_of, message_of, project


@given(answers)
def test_the_message_is_the_last_text(answer: Answer) -> None:
    found = message_of(chunks_of(project(log_of(answer.events))))
    assert (found.text, found.reasoning) == (answer.text, answer.reasoning)
    assert found.finish_reason is not None
    if isinstance(answer.end, Complete):
        assert all(part.get("state") != "input-streaming" for part in found.parts)


@given(answers)
def test_a_client_that_can_not_reset_gets_the_last_text_when_it_resumes(answer: Answer) -> None:
    log, after = log_of(answer.events), 0
    # Cut at each new text, as its client finds them.
    for _ in answer.texts:
        projection = AiSdkProjection(IDENTITY, "msg_1", resets=False, after=after)
        found = message_of(chunks_of(project(log, projection)))
        if not projection.is_cut:
            break
        after = min(entry.last for entry in log.since(after) if isinstance(entry.other, Revision))
    assert not projection.is_cut
    assert (found.text, found.reasoning) == (answer.text, answer.reasoning)


def numbered(entries: list[Entry]) -> list[ProjectedEvent]:
    projection = NumberedProjection(AiSdkProjection(IDENTITY, "msg_1"))
    return [event for entry in entries for event in projection.project(entry)]


@given(answers, st.integers(1, 8), st.booleans(), st.booleans())
def test_chunks_have_the_same_numbers_however_the_log_was_read(
    answer: Answer, max_entries: int, compacted: bool, joined: bool
) -> None:
    whole = numbered([*log_of(answer.events).since(0)])
    log = EventLog("g_1", max_entries=max_entries)
    for event in log_events(answer):
        log.extend([event])  # type: ignore[list-item]
    if compacted:
        log.compact()
    entries = log.since(0)
    assert numbered([*(merge(entries, with_ends=True) if joined else entries)]) == whole


def log_events(answer: Answer) -> list[object]:
    accepted = log_of([]).since(0)[0].event
    return [accepted, *answer.events]
