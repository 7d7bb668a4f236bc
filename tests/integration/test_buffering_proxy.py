"""A network whose proxy holds each response back until it is complete, and passes no upgrade: only long polls pass.

The proxy is nginx, with the shipped configuration changed into its opposite.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from selenium.webdriver import Chrome

from tests.integration.browser import chromium
from tests.integration.proxies import PROXIES
from tests.integration.servers import simulator_process
from tests.integration.test_nginx import (
    BUFFERING_IGNORING_HEADER,
    DELAYED_SECONDS,
    PROMPTED,
    WORDS,
    Provider,
    get,
    prompted_provider,
    running_gateway,
    running_nginx,
    session,
)
from tests.integration.test_node import run_node
from tests.served.viewers import TIMEOUT, JsonObject, PollViewer, SseViewer, ViewingClient, WebSocketViewer

OPAQUE = {
    # Without a length and without chunks nginx passes on nothing but full buffers: so is its own default, HTTP/1.0.
    "proxy_http_version 1.1;": "proxy_http_version 1.0;",
    "proxy_buffering off;": (
        f"{BUFFERING_IGNORING_HEADER['proxy_buffering off;']}"
        "proxy_buffer_size 256k; proxy_buffers 8 256k; proxy_busy_buffers_size 512k;"
    ),
    "    websocket websocket;\n": "",
    "    websocket upgrade;\n": "",
}
"""Changes to the shipped configuration after which nginx holds responses back, and passes no upgrade."""

LONG = "sim?ttft=20&speed=100&length=600&language=vietnamese"
"""An answer of some seconds: it still runs when a client has found out that its stream does not pass."""


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[tuple[Provider, str, str]]:
    async with prompted_provider(tmp_path / "nginx", OPAQUE) as running:
        yield running


async def check_each_word_arrives(upstream: Provider, gateway: str, proxied: str) -> None:
    """Check that each word arrives before the next one is sent; if anything delays one, the viewer's timeout raises."""
    async with session(proxied) as http:
        viewer = PollViewer(http)
        await viewer.start(PROMPTED)
        for number, word in enumerate(WORDS, start=1):
            upstream.send(word)
            assert (await viewer.until("chunk"))["content"] == word
            snapshot = await get(f"{gateway}/api/generations/{viewer.generation_id}")
            assert (snapshot["state"], snapshot["text"]) == ("streaming", "".join(WORDS[:number]))
        upstream.end()
        assert (await viewer.to_end())[-1]["type"] == "complete"
        assert viewer.text == "".join(WORDS)
        await viewer.leave()


async def test_each_word_arrives_before_the_next_is_sent(provider: tuple[Provider, str, str]) -> None:
    await check_each_word_arrives(*provider)


@pytest.mark.parametrize("name", PROXIES)
async def test_polls_pass_the_included_proxies(name: str, tmp_path: Path) -> None:
    upstream = Provider()
    async with upstream.listening() as address:
        with running_gateway(address) as gateway, PROXIES[name](gateway, tmp_path / name, own_pages=True) as server:
            await check_each_word_arrives(upstream, gateway, server.url)


async def test_a_stream_arrives_in_one_piece_at_its_end(provider: tuple[Provider, str, str]) -> None:
    upstream, gateway, proxied = provider
    async with session(proxied) as http, session(gateway) as direct:
        first, stream = PollViewer(direct), SseViewer(http)
        await first.start(PROMPTED)
        upstream.send(WORDS[0])
        await first.until("chunk")
        attaching = asyncio.create_task(stream.attach(first.generation_id, 0))
        await asyncio.wait({attaching}, timeout=DELAYED_SECONDS)
        assert not attaching.done()
        upstream.end()
        await attaching
        assert (await stream.to_end())[-1]["type"] == "complete"
        assert stream.text == WORDS[0]
        for viewer in (first, stream):
            await viewer.leave()


async def test_a_socket_does_not_open(provider: tuple[Provider, str, str]) -> None:
    _, _, proxied = provider
    async with session(proxied) as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await WebSocketViewer(http).connect()
        assert refused.value.status == 426


async def test_an_interrupt_and_feedback_reach_the_generation(provider: tuple[Provider, str, str]) -> None:
    upstream, _, proxied = provider
    async with session(proxied) as http:
        viewer = PollViewer(http)
        await viewer.start(PROMPTED)
        upstream.send("A long story ")
        await viewer.until("chunk")
        await viewer.feedback(viewer.generation_id, {"text": "shorter, please"})
        assert (await viewer.until("revision"))["revision"] == 2
        async with asyncio.timeout(TIMEOUT):
            await upstream.left.wait()
        upstream.left.clear()
        upstream.send("Short.")
        await viewer.until("chunk")
        await viewer.interrupt(viewer.generation_id)
        end = (await viewer.to_end())[-1]
        assert (end["type"], end["by"]) == ("interrupted", "client")
        async with asyncio.timeout(TIMEOUT):
            await upstream.left.wait()
        await viewer.leave()


async def test_an_answer_moves_between_networks_and_no_character_is_lost(provider: tuple[Provider, str, str]) -> None:
    upstream, gateway, proxied = provider
    text, seq, generation_id = "", 0, ""
    # Office, where only polls pass, and the train.
    async with session(gateway) as open_network, session(proxied) as office:
        viewers: list[ViewingClient] = [SseViewer(open_network), PollViewer(office), WebSocketViewer(open_network)]
        words = iter(WORDS)
        for place, viewer in enumerate(viewers):
            if place:
                await viewer.attach(generation_id, seq)
            else:
                await viewer.start(PROMPTED)
                generation_id = viewer.generation_id
            for _ in range(2):
                upstream.send(next(words))
                seq = int(str((await viewer.until("chunk"))["seq"]))
            if viewer is viewers[-1]:
                upstream.end()
                await viewer.to_end()
            text += viewer.text
            await viewer.leave()
    assert text == "".join(WORDS[:6])


NODE = """
import { Dualstream } from "./static/dualstream.js";
const [, baseURL, transport, model] = process.argv;
const client = new Dualstream({ baseURL, transport });
const seen = [];
const answer = client.start({ prompt: "Xin chào 👋🏽", model });
let [chunks, early] = ["", 0];
for await (const event of answer) {
  seen.push(answer.transport);
  if (event.type !== "chunk") continue;
  chunks += event.content;
  early += 1;
}
const { id, text, state, position } = answer;
client.close();
console.log(JSON.stringify({ id, text, chunks, state, position, early, transports: [...new Set(seen)] }));
"""

PAGE = """
const [transport, model, done] = arguments;
import("/static/dualstream.js").then(async ({ Dualstream }) => {
  const client = new Dualstream({ transport });
  const answer = client.start({ prompt: "Xin chào", model });
  const seen = new Set();
  let [chunks, steps] = ["", 0];
  for await (const event of answer) {
    seen.add(answer.transport);
    if (event.type !== "chunk") continue;
    chunks += event.content;
    if (!(await client.snapshot(answer.id)).end) steps += 1;
  }
  const { id, text, state, position } = answer;
  done({ id, text, chunks, state, position, early: steps, transports: [...seen] });
}).catch((error) => done({ error: String(error) }));
"""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run a gateway with its simulator, and nginx in front of it; yield the address of each."""
    folder = tmp_path_factory.mktemp("opaque")
    with (
        simulator_process() as upstream,
        running_gateway(upstream) as gateway,
        running_nginx(gateway, folder=folder / "nginx", changes=OPAQUE) as nginx,
    ):
        yield gateway, nginx.url


async def check(result: JsonObject, gateway: str) -> None:
    assert "error" not in result, result
    snapshot = await get(f"{gateway}/api/generations/{result['id']}")
    assert result["text"] == result["chunks"] == snapshot["text"]
    assert result["state"] == snapshot["state"] == "complete"
    assert result["position"] == snapshot["position"]
    assert len(str(result["text"])) == 600
    # These came while it was still being generated.
    assert int(str(result["early"])) > 20


@pytest.mark.parametrize("transport", ["poll", "auto"])
async def test_the_client_in_node_streams_and_finds_out_by_itself(addresses: tuple[str, str], transport: str) -> None:
    gateway, proxied = addresses
    arguments = ("--input-type=module", "--eval", NODE, proxied, transport, LONG)
    result = json.loads(await asyncio.to_thread(run_node, *arguments))
    await check(result, gateway)
    assert result["transports"] == ["poll"]


async def test_the_client_keeps_a_stream_that_passes(addresses: tuple[str, str]) -> None:
    gateway, _ = addresses
    arguments = ("--input-type=module", "--eval", NODE, gateway, "auto", LONG)
    result = json.loads(await asyncio.to_thread(run_node, *arguments))
    await check(result, gateway)
    assert result["transports"] == ["sse"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.mark.parametrize(
    ("transport", "is_proxied", "used"), [("poll", True, "poll"), ("auto", True, "poll"), ("auto", False, "sse")]
)
async def test_the_client_in_chromium(
    driver: Chrome, addresses: tuple[str, str], transport: str, used: str, *, is_proxied: bool
) -> None:
    gateway, proxied = addresses

    def run() -> JsonObject:
        driver.get(proxied if is_proxied else gateway)
        driver.set_script_timeout(60)
        result: JsonObject = driver.execute_async_script(PAGE, transport, LONG)
        return result

    result = await asyncio.to_thread(run)
    await check(result, gateway)
    assert result["transports"] == [used]
