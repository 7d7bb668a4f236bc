"""A response to a client that speaks the provider's own API: what came, beside what was read from it."""

from collections.abc import Sequence

import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Failed, UnsupportedOption
from gateway.protocol.events import Chunk, TextBatch, Usage, Verbatim
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest, VerbatimRequest
from tests.gateway.upstreams.raw_server import DONE, KEY, delta, event, opened, raw_upstream, respond_stream
from tests.start_requests import user_message

BODY: JsonObject = {"model": "theirs", "messages": [], "new_field": {"a": 1}, "temperature": 9}


def request(api: str = "openai") -> UpstreamRequest:
    """Return a request that a client of an API sent."""
    verbatim = VerbatimRequest(api, BODY, {"x-beta": "b"})
    return UpstreamRequest("model-1", [user_message("Hello")], {"temperature": 0.5}, verbatim=verbatim)


async def read(*chunks: bytes, api: str = "openai") -> tuple[list[UpstreamEvent], bytes]:
    """Return the events of a response, and the request."""
    events: list[UpstreamEvent] = []
    async with (
        raw_upstream(respond_stream(*chunks)) as (upstream, requests),
        opened(upstream, request(api)) as response,
    ):
        await response.stream(events.extend)
    return events, requests[0]


async def test_the_data_stands_before_what_was_read_from_it() -> None:
    first, unknown = delta(role="assistant", content="a", x=1), event({"choices": [], "y": 2})
    usage = event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    stream = [first, unknown, delta(finish_reason="stop"), usage, DONE]
    events, _ = await read(*stream)
    data = [Verbatim(piece[6:-2]) for piece in stream]
    assert events == [
        *(data[0], Chunk("a")),
        data[1],
        *(data[2], Finished("stop")),
        *(data[3], Usage(1, 2, "exact")),
        Verbatim(b""),
    ]


@pytest.mark.parametrize("together", [True, False])
async def test_text_that_is_read_by_template_has_its_data(together: bool) -> None:
    pieces = [delta(content=text) for text in "abcdef"]
    chunks = [b"".join(pieces)] if together else pieces
    events, _ = await read(*chunks, delta(finish_reason="stop"), DONE)
    data = b"\n".join(event for event in events if isinstance(event, Verbatim))
    assert data.split(b"\n")[:6] == [piece[6:-2] for piece in pieces]
    assert "".join(_texts(events)) == "abcdef"


async def test_text_of_a_named_event_has_its_data() -> None:
    pieces = [delta(content=text) for text in "abc"]
    events, _ = await read(*(b"event: content_block_delta\n" + piece for piece in pieces), delta(finish_reason="stop"))
    data = b"\n".join(event for event in events if isinstance(event, Verbatim))
    assert data.split(b"\n")[:3] == [piece[6:-2] for piece in pieces]
    assert "".join(_texts(events)) == "abc"


def _texts(events: Sequence[UpstreamEvent]) -> list[str]:
    texts = [event.text if isinstance(event, TextBatch) else event for event in events]
    return [text.content for text in texts if isinstance(text, Chunk)]


async def test_line_breaks_between_tokens_become_spaces() -> None:
    events, _ = await read(b'data: {"choices":\ndata: [{"index":0,"delta":{"content":"a"}}]}\n\n', DONE)
    assert events[:2] == [Verbatim(b'{"choices": [{"index":0,"delta":{"content":"a"}}]}'), Chunk("a")]


async def test_the_request_has_fields_and_headers_that_only_the_api_knows() -> None:
    _, sent = await read(delta(content="a"), DONE)
    assert b"x-beta: b" in sent
    assert b'"new_field":{"a":1}' in sent
    # What the gateway itself decides is not the client's.
    assert b'"model":"model-1"' in sent
    assert b'"temperature":0.5' in sent


async def test_a_provider_with_another_api_gets_and_passes_on_none_of_it() -> None:
    events, sent = await read(delta(content="a"), delta(finish_reason="stop"), DONE, api="anthropic")
    assert events == [Chunk("a"), Finished("stop")]
    assert b"x-beta" not in sent
    assert b"new_field" not in sent


async def test_a_request_for_what_only_its_own_api_has_is_not_sent_to_another() -> None:
    verbatim = VerbatimRequest("openai-responses", {}, {}, only="input[1]: the provider can't read it.")
    asked = UpstreamRequest("model-1", [user_message("Hello")], {}, verbatim=verbatim)
    async with raw_upstream(respond_stream(DONE)) as (upstream, requests):
        with pytest.raises(UnsupportedOption, match="can't read it") as caught:
            await upstream.open(asked)
    assert caught.value.param == "input[1]"
    assert not requests


async def test_an_error_that_repeats_our_key_has_no_data() -> None:
    """A message of ours takes its place: that one is sanitized."""
    error = event({"error": {"message": f"Incorrect API key provided: {KEY.get_secret_value()}", "code": 500}})
    events: list[UpstreamEvent] = []
    async with (
        raw_upstream(respond_stream(delta(content="a"), error)) as (upstream, _),
        opened(upstream, request("openai")) as response,
    ):
        with pytest.raises(Failed):
            await response.stream(events.extend)
    assert events == [Verbatim(delta(content="a")[6:-2]), Chunk("a"), Verbatim(b"")]
