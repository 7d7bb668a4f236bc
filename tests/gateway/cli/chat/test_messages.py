"""The status line, and texts of errors."""

import dataclasses

from gateway.cli.chat.messages import describe, describe_start, status_line
from gateway.cli.chat.turn import Turn
from gateway.client import RetryNotice
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import (
    Chunk,
    Queued,
)
from tests.gateway.cli.chat.turns import ACCEPTED, BROKEN, COMPLETE, STOPPED, turn_of


def test_the_status_line_shows_each_state() -> None:
    def at(now: float, turn: Turn | None) -> str:
        return status_line("ws", None, turn, now)

    assert at(0.0, None) == "WS · default model · ready"
    assert at(2.4, turn_of()) == "WS · default model · sending · 2 s"
    assert at(9.0, turn_of(ACCEPTED, Queued(3, None))) == "WS · sim · queued, position 3 · 9 s"
    streaming = turn_of(ACCEPTED, Chunk("x" * 1200))
    assert at(4.0, streaming) == "WS · sim · streaming · first token 2.0 s · 600 chars/s · 1,200 chars"
    streaming.retry_notice = RetryNotice("the connection\nwas cut", 2, 10, 0.4)
    assert "the connection was cut; trying again in 400 ms (2 of 9)" in at(4.0, streaming)
    streaming.retry_notice = None
    streaming.stop_at = 3.0
    assert " stopping " in at(4.0, streaming)
    streaming.receive(STOPPED, 3.012)
    assert at(9.0, streaming) == (
        "WS · sim · stopped in 12 ms (upstream closed in 0.8 ms) · first token 2.0 s · 1,200 chars"
        " · tokens about 12 in, ? out"
    )
    done = turn_of(ACCEPTED, Chunk("a"), Chunk("b"), COMPLETE)
    assert at(99.0, done) == (
        "WS · sim · complete (stop) · first token 2.0 s · 2 chars/s · 2 chars · tokens 12 in, 345 out"
    )
    assert at(99.0, turn_of(ACCEPTED, BROKEN)) == "WS · sim · error (stalled)"


def test_errors_say_whether_a_retry_may_help() -> None:
    assert describe(BROKEN) == "Nothing came. (stalled; worth trying again in 2 s)"
    refused = Refused(Code.MODEL_NOT_FOUND, "No such model.", param="model")
    assert describe(refused) == "No such model. (model_not_found, field model; trying again will not help)"
    assert describe_start(refused, "http://h") == describe(refused)


def test_an_unreachable_gateway_is_named_with_the_command_to_start_one() -> None:
    message = describe_start(
        Failed(Code.NETWORK_ERROR, "http://h:1 can't be reached: Connection refused"), "http://h:1"
    )
    assert "http://h:1" in message
    assert message.endswith("dualstream serve")


def test_every_field_of_an_error_is_sanitized() -> None:
    hostile = dataclasses.replace(BROKEN, message="\x1b[2J", code="\x07", retry_after_ms=None)
    assert "\x1b" not in describe(hostile)
    assert "\x07" not in status_line("sse", "\x1b", turn_of(hostile), 1.0)
