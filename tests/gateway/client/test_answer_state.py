"""What an answer tells of itself, without a connection."""

from gateway.client.answer_state import AnswerState
from gateway.client.frames import Frame
from gateway.client.view import View
from gateway.protocol.events import Chunk, Event, Feedback, Part, Reasoning, Revision, ToolCall
from tests.gateway.client.fake_gateway import COMPLETE, METRICS, USAGE


class _Answer(AnswerState):
    @property
    def has_ended(self) -> bool:
        return self.terminal is not None


def test_it_has_the_content_of_the_current_revision() -> None:
    answer = _Answer(View("g_1"))
    events: list[Event] = [
        Chunk("old"),
        Feedback("f_1", "revise", "shorter", None),
        Revision(2, "f_1", 0.5),
        Reasoning("hm"),
        Chunk("new"),
        ToolCall(0, "c", "now", "{}"),
        Part("image", {"data": ""}),
    ]
    for seq, event in enumerate(events, 1):
        answer.view.receive(Frame("g_1", seq, event))
    assert (answer.text, answer.reasoning, answer.revision, answer.state) == ("new", "hm", 2, "streaming")
    assert (answer.seq, answer.position, repr(answer)) == (7, "g_1:7", "<_Answer g_1:7 streaming>")
    assert (list(answer.tool_calls), list(answer.parts)) == ([events[5]], [events[6]])
    assert (answer.terminal, answer.usage, answer.metrics) == (None, None, None)
    assert answer.messages() == [
        {"role": "assistant", "content": "old"},
        {"role": "user", "content": "shorter"},
        answer.message(),
    ]


def test_the_terminal_event_has_usage_and_metrics() -> None:
    answer = _Answer(View("g_1"))
    answer.view.receive(Frame("g_1", 1, COMPLETE))
    assert (answer.terminal, answer.usage, answer.metrics) == (COMPLETE, USAGE, METRICS)
