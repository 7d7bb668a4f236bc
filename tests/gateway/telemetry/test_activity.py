"""What the console shows of the past, as the observer of a hub keeps it."""

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Usage
from gateway.telemetry.activity import Activity
from gateway.telemetry.history import Totals
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import one_target


async def test_an_end_is_kept_and_counted() -> None:
    async with one_target() as harness:
        activity = Activity(harness.clock.unix)
        harness.hub.observers.add(activity)
        totals = [Totals([0, 2], 5, 0.5)]
        activity.totals = lambda: totals[0]
        harness.start()
        await settle()
        harness.clock.advance(1)
        harness.upstream.last.send("text")
        await settle()
        harness.clock.advance(2)
        harness.upstream.last.finish(usage=Usage(10, 20, "exact", 4))
        await settle()
        [bucket] = activity.history.since(0, harness.clock.unix())
        assert (bucket.complete, bucket.output_tokens, sum(bucket.ttft)) == (1, 20, 1)
        assert (bucket.gaps, bucket.saved_tokens) == ([0, 2], 5)
        [summary] = activity.recent.after(0)
        assert summary.usage.output_tokens == 20


async def test_the_code_of_an_error_is_plain_text() -> None:
    async with one_target() as harness:
        activity = Activity(harness.clock.unix)
        harness.hub.observers.add(activity)
        harness.start()
        await settle()
        harness.upstream.last.fail(Failed(Code.CONTENT_FILTER, "no", retryable=False))
        await settle()
        [bucket] = activity.history.since(0, harness.clock.unix())
        assert bucket.codes == {"content_filter": 1}
        assert [type(code) for code in bucket.codes] == [str]


def test_viewers_are_counted_by_transport_until_they_leave() -> None:
    activity = Activity()
    activity.on_viewer("g", "sse", resumed=False)
    activity.on_viewer("g", "sse", resumed=True)
    activity.on_viewer("g", "websocket", resumed=False)
    assert activity.viewers("g") == {"sse": 2, "websocket": 1}
    activity.on_viewer_left("g", "sse")
    activity.on_viewer_left("g", "websocket")
    assert activity.viewers("g") == {"sse": 1}
    activity.on_viewer_left("g", "sse")
    activity.on_viewer_left("g", "sse")
    assert activity.viewers("g") == {}
    assert activity._viewers == {}
