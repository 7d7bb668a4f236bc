"""The provider's list of models: its forms, how long it is kept, and failures."""

import asyncio

import pytest

from gateway.pass_through.listed_models import (
    CALL_SECONDS,
    KEEP_NONE_SECONDS,
    KEEP_SECONDS,
    MAX_MODELS,
    ListedModels,
    names_in,
)
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.endpoint import Endpoint
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream

LIST = b'{"object":"list","data":[{"id":"gpt-5","object":"model"},{"id":"org/m"}]}'


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (LIST, ("gpt-5", "org/m")),
        (b'{"data":[{"type":"model","id":"claude-sonnet-4-5"}],"has_more":false}', ("claude-sonnet-4-5",)),
        (b'{"models":[{"name":"models/gemini-2.5-flash","displayName":"Flash"}]}', ("gemini-2.5-flash",)),
        (b'{"data":[7,{"id":7},{"id":""},{"id":"%b"},{}]}' % (b"x" * 201), ()),
        (b'{"data":{}}', ()),
        (b'{"error":1}', ()),
        (b'{"data":', ()),
    ],
)
def test_names_are_read_in_the_form_of_each_api(document: bytes, names: tuple[str, ...]) -> None:
    assert names_in(document) == names


def test_the_list_is_bounded() -> None:
    document = b'{"data":[%b]}' % b",".join([b'{"id":"m"}'] * (MAX_MODELS + 1))
    assert len(names_in(document)) == MAX_MODELS


class Listing:
    """A list of models and the provider that is asked for it."""

    def __init__(self, api: str = "openai") -> None:
        self.clock, self.upstream = ManualClock(), ScriptedUpstream()
        self.upstream.api = api
        self.listed = ListedModels(self.clock)

    async def ask(self) -> "asyncio.Task[tuple[str, ...]]":
        task = asyncio.ensure_future(self.listed.names(self.upstream))
        await settle()
        return task

    @property
    def call_count(self) -> int:
        return len(self.upstream.fetched)


@pytest.mark.parametrize(("api", "query"), [("openai", ""), ("anthropic", "?limit=1000"), ("gemini", "?pageSize=1000")])
async def test_the_provider_is_asked_for_its_whole_list(api: str, query: str) -> None:
    listing = Listing(api)
    task = await listing.ask()
    request = listing.upstream.fetched[0].request
    assert (request.endpoint, request.body) == (Endpoint(("models",), query), None)
    listing.upstream.fetched[0].document.set_result(LIST)
    assert await task == ("gpt-5", "org/m")


async def test_one_call_answers_all_who_ask_for_some_minutes() -> None:
    listing = Listing()
    tasks = [await listing.ask(), await listing.ask()]
    listing.upstream.fetched[0].document.set_result(LIST)
    assert [await task for task in tasks] == [("gpt-5", "org/m")] * 2
    listing.clock.advance(KEEP_SECONDS - 1)
    assert await (await listing.ask()) == ("gpt-5", "org/m")
    assert listing.call_count == 1
    listing.clock.advance(1)
    task = await listing.ask()
    assert listing.call_count == 2
    listing.upstream.fetched[1].document.set_result(b'{"data":[]}')
    assert await task == ()


async def test_a_provider_that_fails_lists_nothing_and_is_asked_again_soon() -> None:
    listing = Listing()
    task = await listing.ask()
    listing.upstream.fetched[0].document.set_exception(Failed(Code.SERVER_ERROR, "It failed."))
    assert await task == ()
    assert await (await listing.ask()) == ()
    assert listing.call_count == 1
    listing.clock.advance(KEEP_NONE_SECONDS)
    task = await listing.ask()
    assert listing.call_count == 2
    task.cancel()


async def test_a_silent_provider_is_not_waited_for() -> None:
    listing = Listing()
    task = await listing.ask()
    listing.clock.advance(CALL_SECONDS)
    await settle()
    assert await task == ()


async def test_another_upstream_after_a_reload_is_asked_itself() -> None:
    listing = Listing()
    task = await listing.ask()
    listing.upstream.fetched[0].document.set_result(LIST)
    await task
    listing.upstream = ScriptedUpstream()
    task = await listing.ask()
    listing.upstream.fetched[0].document.set_result(b'{"data":[{"id":"other"}]}')
    assert await task == ("other",)
