"""What comes over the wire, by value."""

import orjson
import pytest

from gateway.client.frames import (
    ConnectionLost,
    Frame,
    decode,
    ending_of_close,
    read_object,
    refusal,
    refusal_of_answer,
)
from gateway.client.retry import Retries, RetryNotice, RetryPolicy
from gateway.client.view import View
from gateway.protocol.errors import Code, Failed, Refused, invalid
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
    Retry,
    Revision,
    Start,
    ToolCall,
    Usage,
    encode,
)

USAGE = Usage(3, None, "estimated")
METRICS = Metrics("r_1", 12.5, 80.0, 0.0, 2, 10, 12, None, 1, 1)
EVENTS: list[Event] = [
    Accepted("g_1", "r_1", "simulated"),
    Queued(2, None),
    Start("simulator", "prose", 1, 1),
    Retry(1, 250, "server_error", "simulator"),
    Chunk("Xin chào 👋🏽\n"),
    Reasoning("hm"),
    ToolCall(0, "call_1", "weather", '{"city":'),
    Feedback("f_1", "revise", "shorter", None),
    Revision(2, "f_1", 1.25),
    Gap(3, 9, "the text so far"),
    Complete("stop", USAGE, 0.002, METRICS),
    Interrupted("client", "enough", 0.8, USAGE, None, METRICS),
    Error(
        "stalled",
        "Nothing came.",
        retryable=True,
        retry_after_ms=1,
        partial=True,
        usage=None,
        cost_usd=None,
        metrics=None,
    ),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_survives_the_wire(event: Event) -> None:
    assert decode(read_object(encode(event))) == event


def test_fields_of_a_newer_gateway_are_left_out() -> None:
    assert decode({"type": "chunk", "content": "a", "language": "vi", "seq": 3}) == Chunk("a")


def test_types_of_a_newer_gateway_are_no_event() -> None:
    assert decode({"type": "hologram", "content": "a"}) is None
    assert decode({"content": "a"}) is None


def test_a_known_type_with_wrong_fields_is_a_cut_that_names_them() -> None:
    with pytest.raises(ConnectionLost, match="'chunk' event: content"):
        decode({"type": "chunk", "content": None})


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null"])
def test_a_frame_that_is_no_object_is_a_cut(data: bytes) -> None:
    with pytest.raises(ConnectionLost):
        read_object(data)


def test_a_refusal_is_read_back_as_it_was_said() -> None:
    said = Refused(Code.QUEUE_FULL, "The queue is full.", param="model", retry_after_ms=1500)
    refused = refusal_of_answer(503, orjson.dumps(said.body()), "9")
    assert refused.body() == said.body()
    assert refused.status == 503


def test_the_header_says_when_to_come_back_if_the_body_does_not() -> None:
    refused = refusal_of_answer(429, orjson.dumps(Refused(Code.RATE_LIMIT, "Slower.").body()), "2")
    assert refused.retry_after_ms == 2000


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (401, Code.AUTH_ERROR, False),
        (404, Code.INVALID_REQUEST, False),
        (429, Code.RATE_LIMIT, True),
        (500, Code.SERVER_ERROR, True),
        (502, Code.SERVER_ERROR, True),
        (504, Code.TIMEOUT, True),
    ],
)
def test_a_proxys_page_is_told_by_its_status(status: int, code: Code, retryable: bool) -> None:
    refused = refusal_of_answer(status, b"<html>nginx</html>", None)
    assert (refused.code, refused.retryable, refused.status) == (code, retryable, status)
    assert str(status) in refused.message


def test_a_body_that_only_looks_like_ours_is_told_by_its_status() -> None:
    assert refusal_of_answer(502, b'{"error": ', None).code is Code.SERVER_ERROR
    assert refusal_of_answer(502, b'{"error": "down"}', None).code is Code.SERVER_ERROR


@pytest.mark.parametrize("retry_after", ["\u00b2", "9" * 5000, "-1", "1.5", ""])
def test_a_wait_that_is_no_number_is_none(retry_after: str) -> None:
    assert refusal_of_answer(429, b"", retry_after).retry_after_ms is None


@pytest.mark.parametrize("told", [1e308, -1e30, -1, 2**64])
def test_a_wait_beyond_all_reckoning_is_none(told: float) -> None:
    refused = refusal({"code": "rate_limit", "retry_after_ms": told})
    assert refused.retry_after_ms is None
    assert orjson.dumps(refused.body())


@pytest.mark.parametrize("name", ["type", "code", "message"])
def test_what_is_nested_deep_where_a_text_belongs_is_none(name: str) -> None:
    fields = read_object(b'{"%b":%b}' % (name.encode(), b"[" * 1020 + b"]" * 1020))
    assert decode(fields) is None
    assert refusal(fields).code is Code.INVALID_REQUEST


def test_an_unknown_code_keeps_its_name_and_whether_to_try_again() -> None:
    refused = refusal({"code": "solar_flare", "message": "Wait.", "retryable": True})
    assert (refused.code, refused.retryable) == (Code.SERVER_ERROR, True)
    assert "solar_flare" in refused.message
    assert refusal({"code": "solar_flare"}).retryable is False


def test_the_gateway_decides_whether_to_try_again() -> None:
    assert refusal({"code": "rate_limit", "message": "Never.", "retryable": False}).retryable is False


def test_closes_are_refusals_or_cuts() -> None:
    forbidden = ending_of_close(4403, "not yours")
    assert isinstance(forbidden, Refused)
    assert (forbidden.code, forbidden.message) == (Code.FORBIDDEN, "not yours")
    assert isinstance(ending_of_close(1012, "draining"), ConnectionLost)
    assert isinstance(ending_of_close(None, ""), ConnectionLost)


def _view(*events: tuple[int, Event | None]) -> View:
    view = View("g_1")
    for seq, event in events:
        view.take(Frame("g_1", seq, event))
    return view


def test_text_grows_by_chunks_and_begins_anew_with_a_revision() -> None:
    events: list[tuple[int, Event]] = [(1, EVENTS[0]), (2, EVENTS[2]), (3, Chunk("old")), (4, EVENTS[7])]
    view = _view(*events, (5, EVENTS[8]), (6, Chunk("ne")), (7, Chunk("w")), (8, EVENTS[10]))
    assert (view.text, view.revision, view.seq, view.state) == ("new", 2, 8, "complete")
    assert view.terminal == EVENTS[10]


def test_what_was_taken_is_not_taken_again() -> None:
    view = _view((1, EVENTS[0]), (2, Chunk("a")))
    assert view.take(Frame("g_1", 2, Chunk("a"))) is None
    assert (view.text, view.seq) == ("a", 2)


def test_merged_content_stands_for_several_numbers() -> None:
    assert _view((1, EVENTS[0]), (5, Chunk("abcd"))).seq == 5


@pytest.mark.parametrize("event", [EVENTS[2], EVENTS[8], EVENTS[10], None])
def test_a_hole_before_anything_else_is_a_cut_and_changes_nothing(event: Event | None) -> None:
    view = _view((1, EVENTS[0]), (2, Chunk("a")))
    with pytest.raises(ConnectionLost, match="events 3 to 4 are missing"):
        view.take(Frame("g_1", 5, event))
    assert (view.seq, view.text, view.terminal) == (2, "a", None)


def test_an_unknown_event_takes_its_number() -> None:
    view = _view((1, EVENTS[0]), (2, None), (3, EVENTS[2]))
    assert view.seq == 3


def test_a_gap_replaces_the_text() -> None:
    view = _view((1, EVENTS[0]), (2, Chunk("stale")), (9, Gap(2, 9, "whole")), (10, Chunk("!")))
    assert view.text == "whole!"


def test_another_generations_event_is_a_cut() -> None:
    with pytest.raises(ConnectionLost, match="g_2"):
        View("g_1").take(Frame("g_2", 1, EVENTS[0]))


def test_waits_double_up_to_the_cap_and_are_jittered_fully() -> None:
    retries = Retries(base_s=0.5, cap_s=3.0)
    assert [retries.delay(failure, 1.0) for failure in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert retries.delay(4, 0.25) == 0.75
    assert retries.delay(4, 0.0) == 0.0


class _Waits:
    """Takes the place of sleep and keeps what was asked of it."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.troubles: list[RetryNotice] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def patience(self, failures: int, retries: Retries) -> RetryPolicy:
        return RetryPolicy(retries, failures, sleep=self.sleep, random=lambda: 1.0, notice=self.troubles.append)


async def test_patience_ends_with_the_cause_and_is_renewed_by_progress() -> None:
    waits = _Waits()
    patience = waits.patience(3, Retries(base_s=1.0))
    await patience.after(ConnectionLost("cut"))
    await patience.after(ConnectionLost("cut"))
    patience.progress()
    await patience.after(ConnectionLost("cut"))
    await patience.after(ConnectionLost("cut"))
    with pytest.raises(Failed, match=r"cut \(tried 3 times\)") as failed:
        await patience.after(ConnectionLost("cut"))
    assert failed.value.code is Code.NETWORK_ERROR
    assert waits.waits == [1.0, 2.0, 1.0, 2.0]
    assert waits.troubles[1] == RetryNotice("cut", 2, 3, 2.0)


async def test_a_refusals_own_wait_comes_first() -> None:
    waits = _Waits()
    await waits.patience(3, Retries(base_s=1.0)).after(Refused(Code.RATE_LIMIT, "Slower.", retry_after_ms=4000))
    assert waits.waits == [5.0]


@pytest.mark.parametrize("refused", [invalid("no"), Refused(Code.RATE_LIMIT, "Tomorrow.", retry_after_ms=86_400_000)])
async def test_what_waiting_does_not_help_is_raised_at_once(refused: Refused) -> None:
    waits = _Waits()
    with pytest.raises(Refused) as raised:
        await waits.patience(3, Retries()).after(refused)
    assert raised.value is refused
    assert waits.waits == []
