"""The terminal client's pure parts, by value."""

import dataclasses

import pytest

from gateway.cli.chat.input import Input, InvalidInput, Note, Say, SlashCommand, Switch, parse
from gateway.cli.chat.messages import describe, describe_start, status_line
from gateway.cli.chat.plain import Printed
from gateway.cli.chat.sanitize import safe, safe_line
from gateway.cli.chat.transcript import Block, Transcript, wrap
from gateway.cli.chat.turn import Conversation, Turn
from gateway.client import RetryNotice
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    Metrics,
    Queued,
    Reasoning,
    Revision,
    Start,
    ToolCall,
    Usage,
)

METRICS = Metrics("r_1", 1.0, 2.0, 0.0, 2, 10, 12, None, 1, 1)
ACCEPTED = Accepted("g_1", "r_1", "sim")
COMPLETE = Complete("stop", Usage(12, 345, "exact"), None, METRICS)
STOPPED = Interrupted("client", None, 0.84, Usage(12, None, "estimated"), None, METRICS)
BROKEN = Error("stalled", "Nothing\ncame.", True, 1500, True, None, None, None)


def _turn(*events: Event, question: str = "Why?") -> Turn:
    """Take events at seconds 1, 2, 3 … after a question at 0."""
    turn = Turn(question, 0.0)
    for at, event in enumerate(events, 1):
        turn.take(event, float(at))
    return turn


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("", None),
        ("  \t", None),
        (" Why? ", Say("Why?")),
        ("//etc is a path", Say("/etc is a path")),
        ("/note it is wrong  here", Note(text="it is wrong  here")),
        ("/good", Note(rating=1)),
        ("/bad ", Note(rating=-1)),
        ("/stop", SlashCommand("stop")),
        ("/help", SlashCommand("help")),
        ("/quit", SlashCommand("quit")),
        ("/transport  ws", Switch("ws")),
        ("/transport sse", Switch("sse")),
    ],
)
def test_lines_mean(line: str, meant: Input | None) -> None:
    assert parse(line) == meant


@pytest.mark.parametrize("line", ["/note", "/transport", "/transport tcp", "/stop it", "/nonsense", "/"])
def test_mistakes_say_what_would_do(line: str) -> None:
    meant = parse(line)
    assert isinstance(meant, InvalidInput)
    assert len(meant.message) > 10


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Xin chào 👋🏽 \u200d\n\ttab", "Xin chào 👋🏽 \u200d\n\ttab"),
        ("\x1b]0;owned\x07\x1b[2J", "␛]0;owned␇␛[2J"),
        ("a\r\nb\rc", "a\nbc"),
        ("\x9b2J\x7f\x00\x08", "\ufffd2J␡␀␈"),
        ("abc\u202edef\u2066", "abc\ufffddef\ufffd"),
    ],
)
def test_what_a_model_says_can_not_drive_the_terminal(said: str, shown: str) -> None:
    assert safe(said) == shown
    assert "".join(map(safe, said)) == shown


def test_a_line_stays_one() -> None:
    assert safe_line("a\nb\x1b\r\n c") == "a b␛ c"


def test_a_turn_collects_what_came_and_when() -> None:
    turn = _turn(ACCEPTED, Start("p", "m", 1, 1), Reasoning("hm"), Chunk("Be"), Chunk("cause"), COMPLETE)
    assert (turn.text, turn.chars, turn.first_at, turn.last_at, turn.ended_at) == ("Because", 9, 3.0, 5.0, 6.0)
    assert (turn.model, turn.state, turn.running) == ("sim", "complete", False)


def test_a_gap_is_the_whole_text() -> None:
    assert _turn(ACCEPTED, Chunk("a"), Gap(2, 9, "abc"), Chunk("d")).text == "abcd"


def test_trouble_ends_with_the_next_event() -> None:
    turn = _turn(ACCEPTED, Chunk("a"))
    turn.trouble = RetryNotice("cut", 1, 10, 0.5)
    turn.take(Chunk("b"), 4.0)
    turn.take(Chunk("c"), 4.0)
    assert turn.resumed == 1
    assert "trying again" not in status_line("sse", None, turn, 5.0)


def test_a_stopped_answer_stays_in_the_conversation() -> None:
    conversation = Conversation("Be brief.")
    first, _ = conversation.ask("One?", 0.0)
    for event in (ACCEPTED, Chunk("Part of"), STOPPED):
        first.take(event, 1.0)
    second, _ = conversation.ask("Two?", 2.0)
    second.failed("out of reach", 3.0)
    assert conversation.ask("Three?", 4.0)[1] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Part of"},
        {"role": "user", "content": "Three?"},
    ]


def test_feedback_is_part_of_the_conversation() -> None:
    feedback, revision = Feedback("f_1", "revise", "shorter", None), Revision(2, "f_1", 0.1)
    turn = _turn(ACCEPTED, Chunk("long"), feedback, revision, Chunk("short"), COMPLETE)
    assert turn.messages() == [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "long"},
        {"role": "user", "content": "shorter"},
        {"role": "assistant", "content": "short"},
    ]


def test_feedback_before_any_text_joins_the_question() -> None:
    feedback, revision = Feedback("f_1", "revise", "shorter", None), Revision(2, "f_1", 0.1)
    assert _turn(ACCEPTED, feedback, revision, Chunk("short")).messages() == [
        {"role": "user", "content": "Why?\n\nshorter"},
        {"role": "assistant", "content": "short"},
    ]


def test_the_status_line_tells_each_state() -> None:
    def at(now: float, turn: Turn | None) -> str:
        return status_line("ws", None, turn, now)

    assert at(0.0, None) == "WS · default model · ready"
    assert at(2.4, _turn()) == "WS · default model · sending · 2 s"
    assert at(9.0, _turn(ACCEPTED, Queued(3, None))) == "WS · sim · queued, place 3 · 9 s"
    streaming = _turn(ACCEPTED, Chunk("x" * 1200))
    assert at(4.0, streaming) == "WS · sim · streaming · first token 2.0 s · 600 chars/s · 1,200 chars"
    streaming.trouble = RetryNotice("the connection\nwas cut", 2, 10, 0.4)
    assert "the connection was cut; trying again in 400 ms (2 of 9)" in at(4.0, streaming)
    streaming.trouble = None
    streaming.stop_at = 3.0
    assert " stopping " in at(4.0, streaming)
    streaming.take(STOPPED, 3.012)
    assert at(9.0, streaming) == (
        "WS · sim · stopped in 12 ms (upstream closed in 0.8 ms) · first token 2.0 s · 1,200 chars"
        " · tokens about 12 in, ? out"
    )
    done = _turn(ACCEPTED, Chunk("a"), Chunk("b"), COMPLETE)
    assert at(99.0, done) == (
        "WS · sim · complete (stop) · first token 2.0 s · 2 chars/s · 2 chars · tokens 12 in, 345 out"
    )
    assert at(99.0, _turn(ACCEPTED, BROKEN)) == "WS · sim · error (stalled)"


def test_errors_say_whether_to_try_again() -> None:
    assert describe(BROKEN) == "Nothing came. (stalled; worth trying again in 2 s)"
    refused = Refused(Code.MODEL_NOT_FOUND, "No such model.", param="model")
    assert describe(refused) == "No such model. (model_not_found, field model; trying again will not help)"
    assert describe_start(refused, "http://h") == describe(refused)


def test_a_gateway_out_of_reach_is_named_with_the_way_to_start_one() -> None:
    said = describe_start(Failed(Code.NETWORK_ERROR, "http://h:1 can't be reached: Connection refused"), "http://h:1")
    assert "http://h:1" in said
    assert said.endswith("dualstream serve")


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("abcdefghij", ["abcdefgh", "ij"]),
        ("one abcdefghij", ["one", "abcdefgh", "ij"]),
        ("12345678 9", ["12345678", "9"]),
        ("日本語日本", ["日本語日", "本"]),
        ("123456❤\ufe0f9", ["123456❤\ufe0f", "9"]),
    ],
)
def test_rows_are_cut_between_words(line: str, rows: list[str]) -> None:
    assert wrap(line, 8) == rows


def test_a_block_wraps_the_same_however_its_text_came() -> None:
    text = "one two three\n\nfour five 日本語日本\tsix"
    whole, pieces = Block("", text), Block("")
    for piece in text:
        pieces.add(piece)
        assert pieces.rows(8)
    assert pieces.rows(8) == whole.rows(8)
    assert pieces.rows(20) == whole.rows(20) == Block("", text).rows(20)


def _shown(transcript: Transcript, height: int = 20, width: int = 30) -> list[tuple[str, str]]:
    return [row for row in transcript.view(width, height) if row[1]]


def test_an_answer_goes_on_above_what_was_said_meanwhile() -> None:
    transcript = Transcript()
    transcript.asked("Why?")
    transcript.take(Chunk("Be"))
    transcript.said("class:feedback", "> shorter")
    transcript.take(Chunk("cause"))
    transcript.take(Revision(2, "f_1", 0.1))
    transcript.take(Chunk("So."))
    assert _shown(transcript) == [
        ("class:you", "> Why?"),
        ("class:old", "Because"),
        ("class:feedback", "> shorter"),
        ("class:answer", "So."),
    ]


def test_thinking_and_tools_are_told_apart_from_the_answer() -> None:
    transcript = Transcript()
    transcript.asked("Why?")
    for event in (Reasoning("h"), Reasoning("m"), ToolCall(0, "c", "look", "{"), ToolCall(0, None, None, "}")):
        transcript.take(event)
    transcript.take(Chunk("Because\x1b[2J"))
    assert _shown(transcript)[1:] == [
        ("class:thinking", "hm"),
        ("class:thinking", "calls look {}"),
        ("class:answer", "Because␛[2J"),
    ]


def test_a_gap_takes_the_place_of_what_is_shown() -> None:
    transcript = Transcript()
    transcript.take(Chunk("a"))
    transcript.take(Gap(1, 9, "whole"))
    transcript.take(Chunk("!"))
    assert _shown(transcript) == [("class:answer", "whole!")]


def test_the_view_follows_the_end_or_stays_where_it_was_scrolled_to() -> None:
    transcript = Transcript()
    transcript.take(Chunk("\n".join(map(str, range(10)))))
    assert [row for _, row in transcript.view(10, 3)] == ["8", "9", ""]
    transcript.scroll(4)
    assert [row for _, row in transcript.view(10, 3)] == ["4", "5", "6"]
    transcript.take(Chunk("\n10\n11"))
    assert [row for _, row in transcript.view(10, 3)] == ["4", "5", "6"]
    transcript.scroll(-100)
    assert [row for _, row in transcript.view(10, 3)] == ["10", "11", ""]
    transcript.scroll(100)
    assert [row for _, row in transcript.view(10, 3)] == ["0", "1", "2"]


def test_plain_output_is_the_text_and_nothing_else() -> None:
    printed = Printed()
    events: list[Event] = [ACCEPTED, Reasoning("hm"), Chunk("a\x1b"), Chunk("b"), Gap(1, 9, "a\x1bbc"), COMPLETE]
    assert "".join(map(printed.take, events)) == "a␛bc"


def test_plain_output_begins_anew_where_the_text_did() -> None:
    printed = Printed()
    events: list[Event] = [Chunk("old"), Revision(2, "f", 0.1), Chunk("new"), Gap(1, 9, "other")]
    assert "".join(map(printed.take, events)) == "old\n\nnew\nother"
    assert Printed().take(Revision(2, "f", 0.1)) == ""


def test_every_error_field_is_looked_at_safely() -> None:
    evil = dataclasses.replace(BROKEN, message="\x1b[2J", code="\x07", retry_after_ms=None)
    assert "\x1b" not in describe(evil)
    assert "\x07" not in status_line("sse", "\x1b", _turn(evil), 1.0)
