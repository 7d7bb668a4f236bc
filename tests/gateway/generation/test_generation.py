"""The state machine of a generation: what is reported to it, and what its log contains then."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest, Message
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import (
    Chunk,
    Complete,
    Error,
    Interrupted,
    Reasoning,
    Revision,
    Usage,
)
from tests.event_types import event_types
from tests.gateway.generation.generations import last_event, new_generation, streaming


def test_a_complete_answer() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(7, 2, "exact"), final=True)
    generation.attempts[-1].finish_reason = "stop"
    generation.on_finished(104.0)
    end = last_event(generation)
    assert isinstance(end, Complete)
    assert (end.finish_reason, end.usage) == ("stop", Usage(7, 2, "exact"))
    metrics = end.metrics
    assert (metrics.ttft_ms, metrics.duration_ms, metrics.queue_ms) == (2000, 4000, 1000)
    assert (metrics.chunks, metrics.chars, metrics.bytes, metrics.chars_per_s) == (2, 8, 9, 4.0)
    assert event_types(generation.log) == ["accepted", "start", "chunk", "complete"]


def test_an_interrupt_fences_at_once_and_ends_when_the_upstream_is_closed() -> None:
    generation = streaming()
    assert generation.interrupt("client", "enough", 103.0)
    assert generation.state is State.STOPPING
    assert not generation.append_content([Chunk("late")], 103.1)
    generation.on_finished(103.2)
    generation.on_failed(Failed(Code.STALLED, "late"), 103.3)
    generation.on_closed(103.5)
    end = last_event(generation)
    assert isinstance(end, Interrupted)
    assert (end.by, end.reason, end.cancel_ms) == ("client", "enough", 500)
    assert end.usage.source == "estimated"
    assert end.usage.output_tokens
    assert end.usage.input_tokens
    assert generation.log.text() == "Xin chào"


def test_a_second_interrupt_changes_nothing() -> None:
    generation = streaming()
    assert generation.interrupt("client", "first", 103.0)
    assert not generation.interrupt("client", "second", 103.1)
    generation.on_closed(103.2)
    assert not generation.interrupt("client", "third", 103.3)
    end = last_event(generation)
    assert isinstance(end, Interrupted)
    assert end.reason == "first"


def test_a_command_after_the_end_is_refused() -> None:
    generation = streaming()
    generation.on_finished(103.0)
    with pytest.raises(Refused, match="already over") as refused:
        generation.interrupt("client", None, 104.0)
    assert refused.value.code is Code.ALREADY_OVER
    for request in (FeedbackRequest(text="x"), FeedbackRequest(mode="stop")):
        with pytest.raises(Refused, match="already over"):
            generation.feedback("f", request, 104.0)
    seq = generation.log.last
    assert not generation.feedback("f", FeedbackRequest(rating=1, mode="note"), 105.0)
    assert generation.log.last == seq
    assert [note.rating for note in generation.notes] == [1]


def test_feedback_begins_a_revision_with_the_text_so_far() -> None:
    generation = streaming()
    assert generation.feedback("f_1", FeedbackRequest(text="shorter"), 103.0)
    assert generation.state is State.REVISING
    assert not generation.append_content([Chunk("late")], 103.1)
    generation.on_closed(103.25)
    assert last_event(generation) == Revision(2, "f_1", 250)
    assert list(generation.prompt) == [
        Message(role="user", content="Hello, gateway"),
        Message(role="assistant", content="Xin chào"),
        Message(role="user", content="shorter"),
    ]
    generation.begin_attempt()
    generation.on_opened(generation.attempts[-1])
    generation.append_content([Chunk("Chào")], 104.0)
    generation.on_finished(105.0)
    assert generation.log.text() == "Chào"
    assert event_types(generation.log) == [
        "accepted",
        "start",
        "chunk",
        "feedback",
        "revision",
        "start",
        "chunk",
        "complete",
    ]


@pytest.mark.parametrize("content", [[], [Chunk("Xin chào")]], ids=["nothing", "text"])
def test_what_comes_with_the_headers_is_shown_together_with_the_start(content: list[Chunk]) -> None:
    generation, shown = new_generation(), list[list[str]]()
    generation.log.subscribe(lambda: shown.append(event_types(generation.log)))
    generation.on_admitted(100.0)
    generation.begin_attempt()
    generation.on_opened(generation.attempts[-1])
    if content:
        generation.append_content(content, 101.0)
    generation.on_first_read()
    assert shown == [["accepted", "start", *(event.type for event in content)]]


def test_two_feedbacks_in_a_row_become_one_revision_with_both() -> None:
    generation = streaming()
    assert generation.feedback("f_1", FeedbackRequest(text="shorter"), 103.0)
    assert generation.feedback("f_2", FeedbackRequest(text="in French"), 103.1)
    generation.on_closed(103.2)
    assert generation.revision == 2
    assert [message.content for message in generation.prompt] == [
        "Hello, gateway",
        "Xin chào",
        "shorter",
        "in French",
    ]


def test_feedback_in_the_queue_keeps_the_position() -> None:
    generation = new_generation()
    assert not generation.feedback("f_1", FeedbackRequest(text="in French"), 100.5)
    assert generation.state is State.QUEUED
    assert generation.revision == 2
    generation.on_admitted(101.0)
    assert [message.content for message in generation.prompt] == ["Hello, gateway", "in French"]


def test_a_stop_by_feedback_wins_over_a_revise() -> None:
    generation = streaming()
    generation.feedback("f_1", FeedbackRequest(text="shorter"), 103.0)
    assert generation.feedback("f_2", FeedbackRequest(text="no, stop", mode="stop"), 103.1)
    generation.on_closed(103.2)
    end = last_event(generation)
    assert isinstance(end, Interrupted)
    assert (end.by, end.reason) == ("feedback", "no, stop")
    with pytest.raises(Refused):
        generation.feedback("f_3", FeedbackRequest(text="go on"), 103.3)


def test_a_terminal_event_that_can_not_be_encoded_does_not_end_the_log() -> None:
    generation = streaming()
    generation.attempts[-1].finish_reason = "\ud800"
    with pytest.raises(TypeError):
        generation.on_finished(104.0)
    assert not generation.state.is_terminal
    generation.on_failed(Failed(Code.SERVER_ERROR, "a fault of ours"), 104.0)
    assert generation.log.ended


class Walk(RuleBasedStateMachine):
    """Report to a generation everything that can happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.generation = new_generation(output_limit=200)
        self.now = 100.0
        self.feedbacks = 0

    def tick(self) -> float:
        self.now += 0.5
        return self.now

    @precondition(lambda self: self.generation.state is State.QUEUED)
    @rule()
    def admitted(self) -> None:
        self.generation.on_admitted(self.tick())
        self.generation.begin_attempt()

    @precondition(lambda self: self.generation.state is State.QUEUED)
    @rule(position=st.integers(1, 9))
    def queued(self, position: int) -> None:
        self.generation.on_queued(position, None)

    @precondition(lambda self: self.generation.attempts and not self.generation.attempts[-1].opened)
    @precondition(lambda self: not self.generation.state.is_terminal)
    @rule()
    def opened(self) -> None:
        self.generation.on_opened(self.generation.attempts[-1])

    @precondition(lambda self: self.generation.attempts and self.generation.attempts[-1].opened)
    @rule(texts=st.lists(st.text(max_size=20), min_size=1, max_size=3), thinks=st.booleans())
    def content(self, texts: list[str], *, thinks: bool) -> None:
        fenced, before = self.generation.state.fenced, self.generation.log.last
        try:
            taken = self.generation.append_content(
                [(Reasoning if thinks else Chunk)(text) for text in texts], self.tick()
            )
        except Failed as failure:
            self.generation.on_failed(failure, self.now)
            taken = True
        assert taken is not fenced
        assert (self.generation.log.last == before) is fenced or taken

    @precondition(lambda self: self.generation.attempts and self.generation.attempts[-1].opened)
    @precondition(lambda self: not self.generation.state.is_terminal)
    @rule()
    def finished(self) -> None:
        self.generation.on_finished(self.tick())

    @precondition(lambda self: not self.generation.state.is_terminal)
    @rule()
    def failed(self) -> None:
        self.generation.on_failed(Failed(Code.NETWORK_ERROR, "gone"), self.tick())

    @rule()
    def closed(self) -> None:
        again = self.generation.state is State.REVISING
        self.generation.on_closed(self.tick())
        if again:
            self.generation.begin_attempt()

    @rule()
    def interrupt(self) -> None:
        ended_otherwise = self.generation.state in {State.COMPLETE, State.ERROR}
        try:
            self.generation.interrupt("client", None, self.tick())
        except Refused as refused:
            assert refused.code is Code.ALREADY_OVER
            assert ended_otherwise

    @rule(mode=st.sampled_from(["revise", "stop", "note"]))
    def feedback(self, mode: str) -> None:
        self.feedbacks += 1
        request = FeedbackRequest.model_validate({"text": "mind this", "mode": mode})
        refusable = self.generation.state.is_terminal or self.generation.state is State.STOPPING
        try:
            self.generation.feedback(f"f_{self.feedbacks}", request, self.tick())
        except Refused:
            assert refusable
            assert mode != "note"

    @invariant()
    def one_end_and_nothing_after_it(self) -> None:
        log = self.generation.log
        ends = [e.last for e in log.since(0) if isinstance(e.event, Complete | Interrupted | Error)]
        assert ends == ([log.last] if self.generation.state.is_terminal else [])
        assert log.ended is self.generation.state.is_terminal

    @invariant()
    def the_figures_hold(self) -> None:
        metrics = self.generation.metrics(self.now)
        assert metrics.duration_ms >= (metrics.ttft_ms or 0) >= 0
        assert metrics.bytes <= 200
        assert metrics.revisions == 1 + sum(isinstance(e.event, Revision) for e in self.generation.log.since(0))


Walk.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
test_any_walk = Walk.TestCase
