"""Requests that a client sends again while their first generation runs."""

import pytest

from gateway.admission.rate_limits import RateLimits
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.hub import RetentionPolicy
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Interrupted
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import OneTarget, failure, interrupt, one_target
from tests.start_requests import start_request

FIRST = SentRequest(b"digest", stream=True, is_retry=False, session="s")
RETRY = FIRST._replace(is_retry=True)
UNSTREAMED = FIRST._replace(stream=False)


async def viewed(harness: OneTarget, sent: SentRequest = FIRST, policy: str = "cancel") -> Generation:
    """Start a generation, as a dialect does, with the first chunk for its one viewer."""
    generation = harness.start(start_request(on_disconnect=policy), sent=sent)
    harness.hub.add_viewer(generation.id)
    await settle()
    harness.upstream.last.send("Once ")
    await settle()
    return generation


@pytest.mark.parametrize("again", [RETRY, UNSTREAMED], ids=["counted as a retry", "in one piece"])
async def test_a_request_that_is_sent_again_attaches_to_the_first(again: SentRequest) -> None:
    async with one_target() as harness:
        first = await viewed(harness)
        assert harness.start(sent=again) is first
        assert len(harness.upstream.calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        FIRST,
        UNSTREAMED._replace(session="another"),
        UNSTREAMED._replace(session=""),
        RETRY._replace(digest=b"other"),
    ],
    ids=["the same again", "another session", "no session", "another request"],
)
async def test_a_request_beside_the_first_has_a_generation_of_its_own(other: SentRequest) -> None:
    async with one_target() as harness:
        first = await viewed(harness)
        assert harness.start(sent=other) is not first


async def test_another_principal_never_attaches() -> None:
    async with one_target() as harness:
        first = await viewed(harness)
        assert harness.start(sent=RETRY, principal="other") is not first


async def test_without_a_session_an_answer_in_one_piece_is_another_one() -> None:
    async with one_target() as harness:
        first = await viewed(harness, FIRST._replace(session=""))
        assert harness.start(sent=UNSTREAMED._replace(session="")) is not first


async def test_an_answer_that_nobody_reads_any_more_is_read_on() -> None:
    async with one_target() as harness:
        first = await viewed(harness, policy="grace")
        harness.hub.remove_viewer(first.id)
        assert harness.start(sent=FIRST) is first
        harness.hub.add_viewer(first.id)
        harness.clock.advance(100)
        await settle()
        # The second request began while it had a reader.
        assert harness.start(sent=FIRST) is not first


async def test_an_answer_that_nobody_has_read_yet_is_not_taken_over() -> None:
    async with one_target() as harness:
        first = harness.start(start_request(on_disconnect="continue"), sent=FIRST)
        assert harness.start(sent=FIRST) is not first


async def test_a_client_that_left_a_background_answer_starts_another_one() -> None:
    async with one_target() as harness:
        first = await viewed(harness, FIRST._replace(is_background=True), policy="continue")
        harness.hub.remove_viewer(first.id)
        assert harness.start(sent=FIRST._replace(is_background=True)) is not first


async def test_with_cancel_the_first_is_stopped() -> None:
    async with one_target(retention_policy=RetentionPolicy(on_resend="cancel")) as harness:
        first = await viewed(harness)
        second = harness.start(sent=RETRY)
        assert second is not first
        assert first.state is State.STOPPING
        await settle()
        assert isinstance(first.end, Interrupted)
        assert first.end.reason == "the client sent the request again"
        assert harness.upstream.open_calls == 1


async def test_with_ignore_both_run() -> None:
    async with one_target(retention_policy=RetentionPolicy(on_resend="ignore")) as harness:
        first = await viewed(harness)
        assert harness.start(sent=RETRY) is not first
        assert not harness.hub._resends


async def test_what_has_ended_or_is_being_stopped_is_not_attached_to() -> None:
    async with one_target() as harness:
        first = await viewed(harness)
        harness.upstream.last.finish()
        await settle()
        second = harness.start(sent=RETRY)
        assert second is not first
        await settle()
        interrupt(harness, second)
        assert harness.start(sent=RETRY) is not second
        await settle()


async def test_the_retry_of_a_refused_request_is_not_one_of_the_other_that_runs() -> None:
    async with one_target(rate_limits=RateLimits(60, 1)) as harness:
        first = await viewed(harness)
        with pytest.raises(Refused) as refused:
            harness.start(sent=FIRST)
        assert refused.value.code is Code.RATE_LIMIT
        harness.clock.advance(1)
        assert harness.start(sent=RETRY) is not first
        # The first one may be sent again all the same: attaching counts against no rate.
        assert harness.start(sent=RETRY) is first


async def test_the_retry_of_a_failed_request_is_not_one_of_the_other_that_runs() -> None:
    async with one_target() as harness:
        first = await viewed(harness)
        second = harness.start(sent=FIRST)
        await settle()
        harness.upstream.last.fail(failure())
        await settle()
        third = harness.start(sent=RETRY)
        assert third is not first
        assert third is not second
        assert harness.start(sent=RETRY) is first


@pytest.mark.parametrize("is_closed", [True, False], ids=["and is closed", "and is being closed"])
async def test_the_retry_of_a_client_that_has_left_is_not_one_of_the_other_that_runs(is_closed: bool) -> None:
    async with one_target() as harness:
        first, second = await viewed(harness), await viewed(harness)
        harness.hub.remove_viewer(second.id)
        if is_closed:
            await settle()
        third = harness.start(sent=RETRY)
        assert third is not first
        assert third is not second
        await settle()
        assert harness.start(sent=RETRY) is first


async def test_an_idempotency_key_comes_before_all_signs() -> None:
    async with one_target() as harness:
        first = harness.start(sent=FIRST, idempotency_key="k")
        harness.hub.add_viewer(first.id)
        assert harness.start(sent=RETRY, idempotency_key="other") is not first
        assert harness.start(sent=UNSTREAMED, idempotency_key="k") is first
        with pytest.raises(Refused) as refused:
            harness.start(sent=FIRST._replace(digest=b"other"), idempotency_key="k")
        assert refused.value.status == 409


async def test_nothing_is_kept_of_what_has_ended() -> None:
    async with one_target() as harness:
        for _ in range(3):
            await viewed(harness)
            harness.upstream.last.finish()
        await settle()
        assert not harness.hub._resends
        assert not harness.hub._resends._equal
