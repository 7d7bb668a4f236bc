"""A generation that another gateway runs is restored from its details and its events."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.details import decode_details, decode_prompt, encode_details, encode_prompt
from gateway.generation.event_log import EPOCH_EVENTS, merge
from gateway.generation.generation import Generation
from gateway.generation.lease import NO_LEASE
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Error, Reasoning, Retry, TextBatch, ToolCall, Usage
from tests.gateway.generation.generations import streaming

SHIFT = 5000.0
"""The clocks of two gateways differ."""


def mirror_of(generation: Generation, now: float = 110.0) -> Generation:
    """Return it as another gateway knows it, by way of the store."""
    details = decode_details(encode_details(generation.details(now, now + SHIFT)))
    mirror = Generation.restored(details, now - 60, now + SHIFT)
    mirror.replay([*merge(generation.log.since(0), with_ends=True)], now - 60)
    return mirror


def facts(generation: Generation) -> tuple[object, ...]:
    return (
        *(generation.state, generation.revision, generation.provider, generation.has_content, generation.end),
        *(generation.usage(), generation.cost(), generation.size, generation.is_only_text, generation.metadata),
        *(generation.log.text(), generation.log.last, [*generation.notes], generation.output_tokens()),
        [(attempt.number, attempt.revision, attempt.text_bytes, attempt.ended) for attempt in generation.attempts],
    )


contents = st.sampled_from(
    [
        Chunk("a"),
        Chunk("ß\n"),
        Reasoning("why"),
        TextBatch(Chunk("two parts"), (3, 9)),
        ToolCall(0, "call", "f", "{"),
        ToolCall(0, None, None, "}"),
    ]
)


@given(st.lists(contents, max_size=12), st.sampled_from(["run", "revise", "complete", "fail", "stop"]))
def test_a_mirror_is_the_same(content: list[Chunk | Reasoning | TextBatch | ToolCall], end: str) -> None:
    generation = streaming()
    for number, item in enumerate(content):
        generation.append_content([item], 103.0 + number / 10)
    match end:
        case "revise":
            generation.feedback("f_1", FeedbackRequest(text="shorter"), 105.0)
            generation.on_closed(105.5)
            generation.begin_attempt()
            generation.on_opened(generation.attempts[-1])
            generation.append_content([Chunk("new")], 106.0)
        case "complete":
            generation.attempts[-1].set_usage(Usage(3, 4, "exact"), final=True)
            generation.on_finished(107.0)
        case "fail":
            generation.on_failed(Failed(Code.STALLED, "silent"), 107.0)
        case "stop":
            generation.interrupt("client", "enough", 107.0)
            generation.on_closed(107.5)
        case _:
            pass
    mirror = mirror_of(generation)
    assert facts(mirror) == facts(generation)
    if generation.end is not None:
        assert mirror.metrics(0) == generation.metrics(0)


def test_what_another_owner_has_appended_replaces_all_that_was_known() -> None:
    generation = streaming()
    kept = generation.log.last
    mirror = mirror_of(generation)
    generation.append_content([Chunk("lost"), ToolCall(0, "c", "f", "{}")], 104.0)
    generation.feedback("f_1", FeedbackRequest(mode="note", rating=1), 104.0)
    generation.on_finished(105.0)
    mirror.take_over(1, NO_LEASE)
    mirror.on_failed(Failed(Code.GENERATION_LOST, "lost", retryable=True), 106.0)
    generation.rewind(kept, 107.0)
    generation.update(decode_details(encode_details(mirror.details(106.0, 106.0))), 106.0, 106.0)
    generation.replay([*merge(mirror.log.since(kept))], 107.0)
    assert facts(generation) == facts(mirror)
    assert generation.log.last == EPOCH_EVENTS + 1
    assert isinstance(generation.end, Error)
    assert generation.attempts[0].ended == "generation_lost"


def test_the_bill_of_an_end_that_was_not_stored_is_forgotten_with_it() -> None:
    generation = streaming()
    mirror, kept = mirror_of(generation), generation.log.last
    generation.on_finished(105.0)
    mirror.take_over(1, NO_LEASE)
    mirror.continue_with(generation.stored_prompt(), "b")
    mirror.on_admitted(105.5)
    mirror.begin_attempt()
    mirror.on_opened(mirror.attempts[-1])
    mirror.append_content([Chunk(" A longer answer, of another gateway.")], 106.0)
    generation.rewind(kept, 107.0)
    generation.update(decode_details(encode_details(mirror.details(106.0, 106.0))), 106.0, 106.0)
    generation.replay([*merge(mirror.log.since(kept))], 107.0)
    assert generation.bill() == mirror.bill()


def test_the_bill_of_an_end_as_lost_is_replaced_by_the_details_that_are_stored_after_all() -> None:
    generation = streaming()
    mirror = mirror_of(generation)
    mirror.take_over(1, NO_LEASE)
    mirror.on_failed(Failed(Code.GENERATION_LOST, "lost", retryable=True), 105.0)
    generation.on_retry(Failed(Code.TRUNCATED, "cut"), 0, "b")
    generation.begin_attempt()
    mirror.update(decode_details(encode_details(generation.details(106.0, 106.0))), 106.0, 106.0)
    assert len(mirror.bill().usages) == len(mirror.attempts) == 2
    assert mirror.output_tokens() > 0


def test_it_is_continued_with_the_conversation_that_feedback_has_led_to() -> None:
    generation = streaming()
    stored = decode_prompt(encode_prompt(generation.stored_prompt()))
    generation.feedback("f_1", FeedbackRequest(text="shorter"), 103.0)
    generation.feedback("f_2", FeedbackRequest(text="in French"), 103.0)
    generation.on_closed(103.5)
    generation.begin_attempt()
    generation.on_opened(generation.attempts[-1])
    generation.append_content([Chunk("Xin")], 104.0)
    generation.feedback("f_3", FeedbackRequest(text="longer"), 105.0)
    mirror = mirror_of(generation)
    mirror.take_over(1, NO_LEASE)
    mirror.continue_with(stored, "b")
    assert [*mirror.prompt] == [*generation.prompt]
    assert mirror.state is State.QUEUED
    assert mirror.log.since(mirror.log.last - 1)[0].event == Retry(2, 0, "generation_lost", "b")
    # The prompt that is stored is that of the start: what the log has added since is not stored twice.
    assert mirror.stored_prompt() == stored


def test_a_stop_that_was_accepted_is_carried_out() -> None:
    generation = streaming()
    assert not mirror_of(generation).is_stop_requested
    generation.interrupt("disconnect", "the last viewer left", 104.0)
    mirror = mirror_of(generation)
    mirror.take_over(1, NO_LEASE)
    assert mirror.stop_as_asked(111.0)
    assert mirror.state is State.INTERRUPTED
    assert not mirror_of(streaming()).stop_as_asked(111.0)
