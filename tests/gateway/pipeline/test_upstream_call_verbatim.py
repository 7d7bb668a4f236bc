"""What a provider sends before its first content is held: until then, another attempt may bring the answer."""

from gateway.generation.generation import Generation
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Verbatim
from gateway.upstreams.base import Finished, VerbatimRequest
from tests.event_loop import settle
from tests.gateway.pipeline.log_events import terminal_event
from tests.gateway.pipeline.one_target import one_target
from tests.start_requests import ANONYMOUS


def logged(generation: Generation) -> list[tuple[str, bytes | None]]:
    """Return kind and verbatim data of the entries after `start`."""
    entries = [entry for entry in generation.log.since(0) if entry.kind in {Chunk, Verbatim}]
    return [(entry.kind.type, entry.verbatim) for entry in entries]


async def test_data_before_the_first_content_comes_with_it() -> None:
    async with one_target() as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.send(Verbatim(b"{1}"))
        await settle()
        assert logged(generation) == []
        assert not generation.has_content
        harness.upstream.last.send(Verbatim(b"{2}"), Chunk("a"))
        harness.upstream.last.send(Verbatim(b"{3}"))
        harness.upstream.last.send(Finished("stop"), Verbatim(b"{4}"))
        harness.upstream.last.finish()
        await settle()
        assert logged(generation) == [
            ("verbatim", b"{1}"),
            ("chunk", b"{2}"),
            ("verbatim", b"{3}"),
            ("verbatim", b"{4}"),
        ]


async def test_data_of_an_attempt_that_failed_is_dropped() -> None:
    async with one_target(attempts=2) as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.send(Verbatim(b"{1}"))
        harness.upstream.last.fail(Failed(Code.NETWORK_ERROR, "lost"))
        await settle()
        harness.clock.advance(1)
        await settle()
        harness.upstream.last.send(Verbatim(b"{2}"), Chunk("a"))
        harness.upstream.last.finish()
        await settle()
        assert logged(generation) == [("chunk", b"{2}")]


async def test_data_of_a_complete_answer_without_content_is_passed_on() -> None:
    async with one_target() as harness:
        generation = harness.start()
        await settle()
        harness.upstream.last.send(Verbatim(b"{1}"), Verbatim(b"{2}"), Finished("stop"))
        harness.upstream.last.finish()
        await settle()
        assert logged(generation) == [("verbatim", b"{1}"), ("verbatim", b"{2}")]
        assert terminal_event(generation).type == "complete"
        assert not generation.has_content


async def test_the_client_s_own_request_is_sent_again_with_the_feedback() -> None:
    verbatim = VerbatimRequest("anthropic", {"x": 1}, {"h": "1"})
    async with one_target() as harness:
        generation = harness.start(verbatim=verbatim)
        await settle()
        assert harness.upstream.last.request.verbatim == verbatim
        assert harness.upstream.last.request.passes_on("anthropic")
        harness.upstream.last.send("Once ")
        await settle()
        harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
        await settle()
        request = harness.upstream.last.request
        assert request.verbatim == verbatim
        assert [(message.role, message.content) for message in request.added] == [
            ("assistant", "Once "),
            ("user", "shorter"),
        ]
        # Another response is begun already: this one can't be passed on as it comes.
        assert not request.passes_on("anthropic")
