"""What happens when the last viewer of a generation leaves."""

import pytest

from gateway.generation.state import State
from gateway.pipeline.disconnects import LEAVING_SECONDS
from gateway.pipeline.hub import RetentionPolicy
from gateway.protocol.errors import Refused
from gateway.protocol.events import Interrupted
from gateway.routing.watchdog import Limits
from tests.event_loop import settle
from tests.gateway.pipeline.log_events import terminal_event
from tests.gateway.pipeline.one_target import one_target
from tests.start_requests import start_request


@pytest.mark.parametrize(
    ("policy", "after", "state"),
    [("cancel", 0, "interrupted"), ("grace", 60, "interrupted"), ("continue", 500, "streaming")],
)
async def test_the_disconnect_policy_applies_after_the_last_viewer(policy: str, after: float, state: str) -> None:
    async with one_target(limits=Limits(stall_timeout=0)) as harness:
        generation = await harness.streaming(start_request(on_disconnect=policy))
        harness.hub.add_viewer(generation.id)
        harness.hub.add_viewer(generation.id)
        harness.hub.remove_viewer(generation.id)
        harness.clock.advance(1000)
        await settle()
        assert generation.state is State.STREAMING
        harness.hub.remove_viewer(generation.id)
        harness.clock.advance(after)
        await settle()
        assert generation.state == state
        if state == "interrupted":
            stopped = terminal_event(generation)
            assert isinstance(stopped, Interrupted)
            assert stopped.by == "disconnect"


async def test_a_viewer_that_returns_within_the_grace_keeps_it_running() -> None:
    async with one_target(limits=Limits(stall_timeout=0)) as harness:
        generation = await harness.streaming()
        harness.hub.add_viewer(generation.id)
        harness.hub.remove_viewer(generation.id)
        harness.clock.advance(59.9)
        harness.hub.add_viewer(generation.id)
        harness.clock.advance(100)
        await settle()
        assert generation.state is State.STREAMING


async def test_a_viewer_whose_request_waits_at_the_end_of_a_pause_is_not_too_late() -> None:
    async with one_target(limits=Limits(stall_timeout=0)) as harness:
        generation = await harness.streaming()
        harness.hub.add_viewer(generation.id)
        harness.hub.remove_viewer(generation.id)
        harness.clock.pause(61)
        harness.clock.advance(0)
        harness.hub.add_viewer(generation.id)
        await settle()
        harness.clock.advance(100)
        assert generation.state is State.STREAMING


async def test_a_generation_without_any_viewer_keeps_running() -> None:
    async with one_target(limits=Limits(stall_timeout=0)) as harness:
        generation = await harness.streaming()
        harness.clock.advance(100)
        await settle()
        assert generation.state is State.STREAMING


@pytest.mark.parametrize("policy", ["grace", "cancel"])
async def test_a_detached_start_that_names_a_policy_waits_for_its_first_viewer(policy: str) -> None:
    async with one_target(limits=Limits(stall_timeout=0)) as harness:
        unread = await harness.streaming(start_request(on_disconnect=policy))
        read = await harness.streaming(start_request(on_disconnect=policy))
        harness.hub.add_viewer(read.id)
        harness.clock.advance(RetentionPolicy().grace)
        await settle()
        stopped = terminal_event(unread)
        assert isinstance(stopped, Interrupted)
        assert (stopped.by, stopped.reason) == ("disconnect", "no viewer came")
        assert read.state is State.STREAMING


@pytest.mark.parametrize("policy", ["grace", "continue"])
async def test_a_client_that_is_gone_leaves_the_queue_if_others_wait(policy: str) -> None:
    async with one_target(slots=1) as harness:
        harness.start()
        gone, other = harness.start(start_request(on_disconnect=policy)), harness.start()
        await settle()
        harness.hub.add_viewer(gone.id)
        harness.hub.remove_viewer(gone.id)
        harness.clock.advance(LEAVING_SECONDS)
        await settle()
        assert gone.state is (State.INTERRUPTED if policy == "grace" else State.QUEUED)
        assert other.state is State.QUEUED


async def test_a_client_that_is_gone_keeps_its_place_until_others_wait() -> None:
    async with one_target(slots=1, retention_policy=RetentionPolicy(grace=60)) as harness:
        harness.start()
        gone = harness.start()
        await settle()
        harness.hub.add_viewer(gone.id)
        harness.hub.remove_viewer(gone.id)
        await settle()
        assert not gone.log.ended
        harness.start()
        await settle()
        assert isinstance(terminal_event(gone), Interrupted)
        assert not harness.hub._disconnects._waiting


async def test_clients_that_leave_together_keep_their_places_until_others_wait() -> None:
    async with one_target(slots=1, retention_policy=RetentionPolicy(grace=60)) as harness:
        harness.start()
        queued = [harness.start() for _ in range(3)]
        await settle()
        for generation in queued:
            harness.hub.add_viewer(generation.id)
        for generation in queued:
            harness.hub.remove_viewer(generation.id)
        harness.clock.advance(LEAVING_SECONDS)
        await settle()
        assert [generation.state for generation in queued] == [State.QUEUED] * 3
        back, *gone = queued
        harness.hub.add_viewer(back.id)
        harness.start()
        await settle()
        assert [isinstance(generation.end, Interrupted) for generation in gone] == [True, True]
        assert back.state is State.QUEUED
        assert not harness.hub._disconnects._waiting


async def test_a_start_that_finds_the_queue_full_of_clients_that_are_gone_succeeds_when_it_is_repeated() -> None:
    async with one_target(slots=1, queue=2) as harness:
        harness.start()
        queued = [harness.start() for _ in range(2)]
        await settle()
        for generation in queued:
            harness.hub.add_viewer(generation.id)
            harness.hub.remove_viewer(generation.id)
        harness.clock.advance(LEAVING_SECONDS)
        await settle()
        with pytest.raises(Refused, match="2 requests are waiting"):
            harness.start()
        await settle()
        assert all(isinstance(generation.end, Interrupted) for generation in queued)
        assert harness.start().state is State.QUEUED


async def test_a_client_that_is_back_in_the_queue_stays_in_it() -> None:
    async with one_target(slots=1, retention_policy=RetentionPolicy(grace=60)) as harness:
        harness.start()
        back = harness.start()
        await settle()
        harness.hub.add_viewer(back.id)
        harness.hub.remove_viewer(back.id)
        harness.hub.add_viewer(back.id)
        harness.start()
        await settle()
        assert back.state is State.QUEUED


async def test_no_grace_period_begins_for_a_viewer_that_has_read_the_end() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        record = harness.hub.record(generation.id)
        assert record is not None
        harness.hub.add_viewer(generation.id)
        pending: list[bool] = []

        def read() -> None:
            if generation.log.ended:
                harness.hub.remove_viewer(generation.id)
                pending.append(record.timer.is_pending)

        generation.log.subscribe(read)
        harness.upstream.last.finish()
        await settle()
        assert pending == [False]
        assert generation.state is State.COMPLETE
