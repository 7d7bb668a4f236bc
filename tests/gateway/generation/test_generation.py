"""The generation as a pure machine: what it is told, and what its log then says."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest, Message
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Chunk, Complete, Error, Interrupted, Reasoning, Revision, TextBatch, ToolCall, Usage
from tests.support import ask, types


def make(output_limit: int = 1000) -> Generation:
    return Generation("g_1", ask("Hello, gateway"), "r_1", "model", 100.0, output_limit)


def streaming(output_limit: int = 1000) -> Generation:
    generation = make(output_limit)
    generation.on_admitted(101.0)
    generation.begin_attempt()
    generation.on_opened(generation.attempts[-1])
    generation.append_content([Chunk("Xin "), Chunk("chào")], 102.0)
    return generation


def last(generation: Generation) -> object:
    return generation.log.since(generation.log.last - 1)[0].event


def test_a_whole_answer() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(7, 2, "exact"), final=True)
    generation.attempts[-1].finish_reason = "stop"
    generation.on_finished(104.0)
    end = last(generation)
    assert isinstance(end, Complete)
    assert (end.finish_reason, end.usage) == ("stop", Usage(7, 2, "exact"))
    metrics = end.metrics
    assert (metrics.ttft_ms, metrics.duration_ms, metrics.queue_ms) == (2000, 4000, 1000)
    assert (metrics.chunks, metrics.chars, metrics.bytes, metrics.chars_per_s) == (2, 8, 9, 4.0)
    assert types(generation.log) == ["accepted", "start", "chunk", "complete"]


def test_an_interrupt_fences_at_once_and_ends_when_the_upstream_is_closed() -> None:
    generation = streaming()
    assert generation.interrupt("client", "enough", 103.0)
    assert generation.state is State.STOPPING
    assert not generation.append_content([Chunk("late")], 103.1)
    generation.on_finished(103.2)
    generation.on_failed(Failed(Code.STALLED, "late"), 103.3)
    generation.on_closed(103.5)
    end = last(generation)
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
    end = last(generation)
    assert isinstance(end, Interrupted)
    assert end.reason == "first"


def test_what_is_over_is_refused() -> None:
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


def test_feedback_begins_a_revision_with_what_was_said() -> None:
    generation = streaming()
    assert generation.feedback("f_1", FeedbackRequest(text="shorter"), 103.0)
    assert generation.state is State.REVISING
    assert not generation.append_content([Chunk("late")], 103.1)
    generation.on_closed(103.25)
    assert last(generation) == Revision(2, "f_1", 250)
    attempt = generation.begin_attempt()
    assert attempt.messages == (
        Message(role="user", content="Hello, gateway"),
        Message(role="assistant", content="Xin chào"),
        Message(role="user", content="shorter"),
    )
    generation.on_opened(generation.attempts[-1])
    generation.append_content([Chunk("Chào")], 104.0)
    generation.on_finished(105.0)
    assert generation.log.text() == "Chào"
    assert types(generation.log) == ["accepted", "start", "chunk", "feedback", "revision", "start", "chunk", "complete"]


def test_two_feedbacks_in_a_row_become_one_revision_that_heeds_both() -> None:
    generation = streaming()
    assert generation.feedback("f_1", FeedbackRequest(text="shorter"), 103.0)
    assert generation.feedback("f_2", FeedbackRequest(text="in French"), 103.1)
    generation.on_closed(103.2)
    assert generation.revision == 2
    assert [message.content for message in generation.begin_attempt().messages] == [
        "Hello, gateway",
        "Xin chào",
        "shorter",
        "in French",
    ]


def test_feedback_in_the_queue_keeps_the_place() -> None:
    generation = make()
    assert not generation.feedback("f_1", FeedbackRequest(text="in French"), 100.5)
    assert generation.state is State.QUEUED
    assert generation.revision == 2
    generation.on_admitted(101.0)
    assert [message.content for message in generation.begin_attempt().messages] == ["Hello, gateway", "in French"]


def test_a_stop_by_feedback_wins_over_a_revise() -> None:
    generation = streaming()
    generation.feedback("f_1", FeedbackRequest(text="shorter"), 103.0)
    assert generation.feedback("f_2", FeedbackRequest(text="no, stop", mode="stop"), 103.1)
    generation.on_closed(103.2)
    end = last(generation)
    assert isinstance(end, Interrupted)
    assert (end.by, end.reason) == ("feedback", "no, stop")
    with pytest.raises(Refused):
        generation.feedback("f_3", FeedbackRequest(text="go on"), 103.3)


def test_the_answer_is_bounded_and_what_fits_is_kept() -> None:
    generation = streaming(output_limit=12)
    with pytest.raises(Failed, match="longer than 12 bytes") as failed:
        generation.append_content([Chunk("..."), Chunk("four"), Chunk("x")], 103.0)
    generation.on_failed(failed.value, 103.0)
    end = last(generation)
    assert isinstance(end, Error)
    assert (end.code, end.partial, end.retryable) == ("output_limit", True, False)
    assert generation.log.text() == "Xin chào..."


def test_of_a_run_that_is_too_long_what_fits_is_kept() -> None:
    generation = streaming(output_limit=12)
    with pytest.raises(Failed):
        generation.append_content([TextBatch.of(Chunk, [".", "..", "four", "x"])], 103.0)
    assert generation.log.text() == "Xin chào..."
    assert generation.metrics(103.0).chunks == 4


def test_a_run_counts_as_the_events_it_is_made_of() -> None:
    together, apart = streaming(), streaming()
    pieces = ["an", " ", "đường", "🙂"]
    together.append_content([TextBatch.of(Chunk, pieces), TextBatch.of(Reasoning, pieces)], 103.0)
    apart.append_content([*map(Chunk, pieces), *map(Reasoning, pieces)], 103.0)
    assert together.metrics(104.0) == apart.metrics(104.0)
    assert together.usage() == apart.usage()
    assert (together.size, together.log.last) == (apart.size, apart.log.last)


def test_tool_calls_without_text_are_bounded_too() -> None:
    generation = streaming(output_limit=10_000)
    with pytest.raises(Failed):
        for _ in range(1000):
            generation.append_content([ToolCall(0, None, None, "")], 103.0)


def test_text_that_can_not_be_joined_is_bounded_too() -> None:
    generation = streaming(output_limit=10_000)
    with pytest.raises(Failed):
        for _ in range(200):
            generation.append_content([Chunk("a"), Reasoning("b")], 103.0)
    assert generation.log.last < 200


def test_an_end_that_can_not_be_written_is_no_end() -> None:
    generation = streaming()
    generation.attempts[-1].finish_reason = "\ud800"
    with pytest.raises(TypeError):
        generation.on_finished(104.0)
    assert not generation.state.is_terminal
    generation.on_failed(Failed(Code.SERVER_ERROR, "a fault of ours"), 104.0)
    assert generation.log.ended


def test_usage_of_all_attempts_is_added_and_is_exact_only_if_each_is() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(5, 10, "exact"), final=True)
    generation.feedback("f", FeedbackRequest(text="again"), 103.0)
    generation.on_closed(103.0)
    generation.begin_attempt().set_usage(Usage(7, 20, "exact"), final=True)
    assert generation.usage() == Usage(12, 30, "exact")
    generation.attempts[-1].usage_final = False
    usage = generation.usage()
    assert usage == Usage(12, 30, "estimated")


def test_unknown_usage_is_not_zero_and_true_zero_is_not_estimated() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(5, None, "exact"), final=True)
    assert generation.usage().output_tokens is None
    generation.attempts[-1].set_usage(Usage(5, 0, "exact"), final=True)
    assert generation.usage() == Usage(5, 0, "exact")


def test_figures_from_the_middle_of_an_answer_are_a_floor_and_not_exact() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(10, 0, "exact"), final=False)
    assert generation.usage() == Usage(10, 3, "estimated")
    generation.attempts[-1].set_usage(Usage(10, 50, "exact"), final=False)
    assert generation.usage() == Usage(10, 50, "estimated")


def test_a_call_that_was_cancelled_before_its_answer_is_not_free() -> None:
    generation = make()
    generation.on_admitted(100.0)
    generation.begin_attempt()
    generation.interrupt("client", None, 101.0)
    generation.on_closed(101.0)
    usage = generation.usage()
    assert usage.input_tokens
    assert usage.output_tokens == 0


def test_what_never_reached_an_upstream_costs_nothing() -> None:
    generation = make()
    generation.interrupt("client", None, 101.0)
    generation.on_closed(101.0)
    assert generation.usage() == Usage(0, 0, "exact")


class Walk(RuleBasedStateMachine):
    """Tell a generation anything that can happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.generation = make(output_limit=200)
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
