"""When the response to a chat UI begins."""

import asyncio

import pytest

from gateway.config import Settings
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.chat_ui.clients import AG_UI, frames_of, posted, read_until, run_input


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_concurrent": 1})


async def test_a_place_in_the_queue_is_shown_at_once(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as first:
        waiting = asyncio.ensure_future(served.http.post(AG_UI, json=run_input(threadId="u")).__aenter__())
        response = await waiting
        body = await read_until(response, b"dualstream.queued")
        started, queued = frames_of(body)
        assert started.data["type"] == "RUN_STARTED"
        assert queued.data["value"] == {"position": 1, "eta_ms": None}
        served.upstream.last.send("a")
        served.upstream.last.finish()
        (await first).close()
        await served.called(2)
        served.upstream.last.send("b")
        served.upstream.last.finish()
        assert b"RUN_FINISHED" in await response.read()
        response.close()


async def test_without_news_it_begins_with_the_content(served: Served) -> None:
    async with posted(served, AG_UI, run_input()) as task:
        await until(lambda: served.only.provider is not None)
        assert not task.done()
        served.upstream.last.send("a")
        assert (await task).status == 200
        served.upstream.last.finish()
