"""One contract for both clients and all transports: each refusal is reported at once, with its code and `retryable`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from selenium.webdriver import Chrome

from gateway.client import Client, Retries, TransportName
from gateway.protocol.errors import Code, GatewayError
from tests.integration import processes
from tests.integration.browser import Page
from tests.integration.processes import Server, TcpProxy
from tests.integration.refusing_gateway import CASES, Case, RefusingGateway

Outcomes = Mapping[str, object]
EXPECTED: Outcomes = {case.name: [case.code.value, case.retryable] for case in CASES}

READ_ALL = """
const [names, transport] = arguments;
const done = arguments[arguments.length - 1];
import("/static/dualstream.js").then(async ({ Dualstream }) => {
  const client = new Dualstream({ transport, retry: { attempts: 1, baseMs: 1 } });
  const outcomes = {};
  const read = async (name) => {
    const answer = name.endsWith(".start") ? client.start({ prompt: "Hi", model: name }) : client.attach(`g_${name}`);
    try {
      for await (const event of answer) void event;
      outcomes[name] = `ended as ${answer.state}`;
    } catch ({ code, retryable }) {
      outcomes[name] = [code, retryable];
    }
  };
  const waiting = [...names];
  const readNext = async () => { while (waiting.length > 0) await read(waiting.shift()); };
  // A browser has six connections to a host. One WebSocket carries all answers: its break would count for each of them.
  await Promise.all(Array.from({ length: transport === "websocket" ? 1 : 4 }, readNext));
  client.close();
  done(outcomes);
});
"""


async def read_in_python(url: str, transport: TransportName) -> Outcomes:
    async def no_wait(_seconds: float) -> None:
        pass

    async def read(client: Client, case: Case) -> object:
        try:
            answer = (
                await client.start("Hi", model=case.name) if case.moment == "start" else client.attach(f"g_{case.name}")
            )
            async for _event in answer:
                pass
        except GatewayError as error:
            return [error.code.value, error.retryable]
        return f"ended as {answer.state}"

    async with Client(
        url, transport=transport, retries=Retries(start_failures=2, resume_failures=2), sleep=no_wait
    ) as client:
        return {case.name: await read(client, case) for case in CASES}


async def read_in_browser(driver: Chrome, url: str, transport: str) -> Outcomes:
    def run() -> Any:  # noqa: ANN401 - JSON
        driver.get(url)
        driver.set_script_timeout(60)
        return driver.execute_async_script(READ_ALL, [case.name for case in CASES], transport)

    outcomes: Outcomes = await asyncio.to_thread(run)
    return outcomes


async def test_every_refusal_is_the_same_in_both_clients_on_every_transport(driver: Chrome) -> None:
    for client in ("python sse", "python ws", "browser sse", "browser fetch", "browser websocket"):
        language, transport = client.split()
        gateway = RefusingGateway()
        async with gateway.listening() as url:
            if language == "browser":
                outcomes = await read_in_browser(driver, url, transport)
            else:
                outcomes = await read_in_python(url, "ws" if transport == "ws" else "sse")
        assert outcomes == EXPECTED, client
        final = [case for case in CASES if not case.retryable]
        assert {case.name: gateway.refusals[case.name] for case in final} == {case.name: 1 for case in final}, client
        # What may succeed later was tried again, but a lost generation is not found again.
        again = {case.name for case in CASES if case.retryable and case.moment != "cut"}
        lost = {case.name for case in CASES if case.code is Code.GENERATION_LOST and case.moment == "attach"}
        assert {name for name, count in gateway.refusals.items() if count > 1} == again - lost, client


RESTARTED = """
const [transport] = arguments;
const done = arguments[arguments.length - 1];
import("/static/dualstream.js").then(async ({ Dualstream }) => {
  const client = new Dualstream({ transport });
  const answer = client.start({ prompt: "Hi", model: "sim?ttft=0&speed=200&length=100000" });
  answer.finished.catch(({ code, retryable }) => {
    window.outcome = [code, retryable, answer.terminal, answer.text.length > 0];
  });
  for await (const event of answer) if (event.type === "chunk") done();
});
"""


WAIT_FOR_OUTCOME = """
const [done] = arguments;
const look = () => window.outcome ? done(window.outcome) : setTimeout(look, 20);
look();
"""


async def test_an_answer_that_a_restart_has_lost_is_reported_as_lost(driver: Chrome, simulator: Server) -> None:
    """`network_error` would say that the gateway can't be reached."""
    arguments = ("--upstream", f"{simulator.url}/v1")
    for client in ("python sse", "python ws", "browser sse", "browser fetch", "browser websocket"):
        language, transport = client.split()
        with (
            processes.gateway(*arguments) as first,
            processes.gateway(*arguments) as second,
            TcpProxy(first.url) as proxy,
        ):
            if language == "python":
                outcome = await _lost_in_python(proxy, second, "ws" if transport == "ws" else "sse")
            else:
                outcome = await asyncio.to_thread(_lost_in_browser, driver, proxy, second, transport)
        assert outcome == ["generation_lost", False], client


async def _lost_in_python(proxy: TcpProxy, other: Server, transport: TransportName) -> object:
    async with Client(proxy.url, transport=transport) as client:
        answer = await client.start("Hi", model="sim?ttft=0&speed=200&length=100000")
        try:
            async for event in answer:
                if event.type == "chunk":
                    proxy.redirect(other.url)
        except GatewayError as error:
            return [error.code.value, error.retryable]
        return answer.state


def _lost_in_browser(driver: Chrome, proxy: TcpProxy, other: Server, transport: str) -> object:
    driver.get(proxy.url)
    driver.set_script_timeout(60)
    driver.execute_async_script(RESTARTED, transport)
    proxy.redirect(other.url)
    outcome = driver.execute_async_script(WAIT_FOR_OUTCOME)
    assert outcome[2:] == [None, True]
    return outcome[:2]


def test_the_page_says_that_an_answer_is_lost_and_not_that_nothing_was_missed(
    open_page: Callable[[str], Page], simulator: Server
) -> None:
    arguments = ("--upstream", f"{simulator.url}/v1")
    with processes.gateway(*arguments) as first, processes.gateway(*arguments) as second, TcpProxy(first.url) as proxy:
        page = open_page(proxy.url)
        page.tolerate("WebSocket connection to|Failed to load resource|ERR_")
        page.submit("Tell me everything.", model="sim?ttft=0&speed=200&length=100000")
        for pane in page.panes:
            pane.wait_for_text()
        proxy.redirect(second.url)
        for pane in page.panes:
            seen = pane.wait_for_end("error")
            assert seen.status == "This answer is no longer stored."
            assert "You can run it again." in seen.problem
            assert not any("missed" in notice for notice in seen.notices), seen.notices
