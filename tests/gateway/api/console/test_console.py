"""What a console shows of several gateways."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from gateway.api.console.console import HISTORY_ACTION
from gateway.config import Settings
from tests.event_loop import settle
from tests.gateway.api.console.readers import ConsoleReader, console
from tests.served.clients import BODY
from tests.served.gateway import Configure
from tests.served.pair import Pair, paired


@pytest.fixture
async def pair(settings: Settings, configure: Configure) -> AsyncIterator[Pair]:
    async with paired(settings, configure) as gateways:
        yield gateways


async def shown(pair: Pair, reader: ConsoleReader, matches: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - JSON
    """Return the first event whose data matches, within some seconds."""
    for _ in range(8):
        await pair.first.advance(1)
        _, data = await reader.next() or ("", {})
        if matches(data):
            return data
    pytest.fail("no such event came")


async def test_all_gateways_are_shown_wherever_the_console_is(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    async with console(pair.second.http) as reader:
        _, data = await reader.next() or ("", {})
        [row] = data["running"]
        first, second = (gateway.replica.name for gateway in (pair.first, pair.second) if gateway.replica is not None)
        assert [(one["name"], one["here"], one["reached"]) for one in data["gateways"]] == [
            (second, True, True),
            (first, False, True),
        ]
        assert (row["gateway"], row["viewers"]) == (first, {"sse": 1})
        pair.first.upstream.last.send("Hello")
        pair.first.upstream.last.finish()
        await viewer.to_end()
        data = await shown(pair, reader, lambda data: "ended" in data)
        assert [(one["id"], one["gateway"]) for one in data["ended"]] == [(row["id"], first)]
    async with pair.second.http.get("/api/console/recent") as response:
        assert [one["id"] for one in (await response.json())["recent"]] == [row["id"]]
    async with pair.second.http.get("/api/console/history") as response:
        history = await response.json()
    assert (sum(bucket["complete"] for bucket in history["buckets"]), history["missing"]) == (1, [])


async def test_of_a_gateway_that_does_not_answer_the_last_figures_are_shown(pair: Pair) -> None:
    viewer = pair.first.viewer("sse")
    await viewer.start(BODY)
    await pair.first.called()
    async with console(pair.second.http) as reader:
        _, data = await reader.next() or ("", {})
        [row] = data["running"]
        assert pair.first.replica is not None
        pair.first.replica.questions.handlers.clear()
        data = await shown(pair, reader, lambda data: "gateways" in data)
        assert [one["reached"] for one in data["gateways"]] == [True, False]
        assert row["id"] not in data.get("gone", ())
    async with pair.second.http.get("/api/console/history") as response:
        assert (await response.json())["missing"] == [pair.first.replica.name]
    pair.first.upstream.last.finish()
    await viewer.to_end()
    await settle()


@pytest.mark.parametrize("histogram", ["ttft", "gaps"])
async def test_the_history_of_a_version_with_other_bounds_is_left_out(pair: Pair, histogram: str) -> None:
    async def answer(_arguments: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        return {"buckets": [{"at": 1000, histogram: [1, 2, 3]}]}

    assert pair.first.replica is not None
    pair.first.replica.questions.handlers[HISTORY_ACTION] = answer
    async with pair.second.http.get("/api/console/history") as response:
        history = await response.json()
    assert (history["buckets"], history["missing"]) == ([], [pair.first.replica.name])
