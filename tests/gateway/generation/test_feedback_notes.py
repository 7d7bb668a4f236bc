"""The limits of a generation's feedback."""

import pytest

from gateway.generation.feedback_notes import FEEDBACK_BYTES, MAX_FEEDBACK
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Refused
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import one_target
from tests.start_requests import ANONYMOUS, start_request


async def test_the_number_of_feedbacks_is_limited() -> None:
    async with one_target() as harness:
        generation = await harness.streaming()
        note = FeedbackRequest(rating=1, mode="note")
        for _ in range(MAX_FEEDBACK):
            harness.hub.feedback(generation.id, note, harness.clock.now(), ANONYMOUS)
        with pytest.raises(Refused, match="100 feedbacks, the maximum"):
            harness.hub.feedback(generation.id, note, harness.clock.now(), ANONYMOUS)


async def test_the_total_size_of_feedback_is_limited() -> None:
    async with one_target() as harness:
        generation = harness.hub.start(start_request(), request_id="r", principal=ANONYMOUS)
        await settle()
        note = FeedbackRequest(text="ộ" * 5000, mode="note")
        for _ in range(FEEDBACK_BYTES // 15_000):
            harness.hub.feedback(generation.id, note, harness.clock.now(), ANONYMOUS)
        with pytest.raises(Refused) as refused:
            harness.hub.feedback(generation.id, note, harness.clock.now(), ANONYMOUS)
        assert (refused.value.status, refused.value.param) == (429, "text")
        assert "shorten it" in refused.value.message
        harness.hub.feedback(generation.id, FeedbackRequest(text="fine", mode="note"), harness.clock.now(), ANONYMOUS)
        harness.hub.feedback(generation.id, FeedbackRequest(rating=1, mode="note"), harness.clock.now(), ANONYMOUS)
        with pytest.raises(Refused):
            harness.hub.feedback(generation.id, FeedbackRequest(text="ộ" * 5000), harness.clock.now(), ANONYMOUS)
        assert len(harness.upstream.calls) == 1
        harness.hub.interrupt(generation.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
        await settle()
