"""What a foreign page can do to a gateway, in the real browser of a person who may use the gateway."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from selenium.webdriver import Chrome

from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.stage import ALLOWED_HOST, PATIENCE, Stage, count_started
from tests.integration.browser import chromium
from tests.integration.processes import Server, gateway
from tests.integration.test_nginx import running_nginx

PROBES: Final = (Path(__file__).parent / "probes.js").read_text("utf-8")
SECONDS: Final = 20.0

NAMES: Final = f"--host-resolver-rules=MAP *.test 127.0.0.1, MAP *.localhost 127.0.0.1, MAP {ALLOWED_HOST} 127.0.0.1"

ORIGINS: Final[Mapping[str, str]] = {
    "another port of this machine": "http://127.0.0.1:PORT/",
    "another site": "http://attacker.test:PORT/",
    "another name of this machine": "http://evil.localhost:PORT/",
    "a sandboxed frame (`Origin: null`)": "http://attacker.test:PORT/sandboxed",
}
"""URLs of the attacker's page, by a description of its origin."""

STOPPED_BY: Final = (
    "the page's `Origin` is checked, or `Sec-Fetch-Site` where browsers send no `Origin`; CORS allows only to read the "
    "refusal"
)

_READ: Final = re.compile(r"(?<!refused), readable|\bread \w")
"""Result of a probe that read something; the refusal may be read."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One of the functions in probes.js."""

    name: str
    how: str


STARTS: Final = (
    Probe("websocket", "`new WebSocket`, then a `start`"),
    Probe("eventSource", "`new EventSource` on a start by GET"),
    Probe("eventSourceWithCredentials", "the same with `withCredentials`"),
    Probe("get", "`fetch` of it with `Accept: text/event-stream`, which needs no preflight"),
    Probe("getNoCors", "the same with `no-cors`"),
    Probe("post", "`fetch` by POST with JSON"),
    Probe("postNoCors", "the same with `no-cors` as `text/plain`"),
    Probe("postNoType", "`no-cors` POST of a `Blob` without a type"),
    Probe("formText", "a form, `text/plain`, whose body is JSON"),
    Probe("formUrlencoded", "the same, `application/x-www-form-urlencoded`"),
    Probe("formMultipart", "the same, `multipart/form-data`"),
    Probe("beacon", "`navigator.sendBeacon` with JSON as `text/plain`"),
    Probe("image", "`<img>` whose URL is a start by GET"),
    Probe("script", "the same with `<script>`"),
    Probe("style", "the same with `<link rel=stylesheet>`"),
    Probe("frame", "the same with `<iframe>`"),
    Probe("interruptByForm", "a form without fields, to `interrupt` of a running generation whose id is known"),
    Probe("interruptNoCors", "the same by `no-cors` `fetch`"),
    Probe("readStats", "`fetch` of `/api/stats`"),
    Probe("readModels", "`fetch` of `/api/models`"),
    Probe("readAnswer", "`fetch` of a running generation whose id is known"),
    Probe("readEvents", "`new EventSource` on its events"),
    Probe("ticket", "`no-cors` POST of `/api/tickets`"),
)
REBOUND_PROBES: Final = tuple(
    probe
    for probe in STARTS
    if probe.name in {"websocket", "eventSource", "get", "post", "readStats", "readModels", "readAnswer"}
)


class Page:
    """A page in the browser that runs functions of probes.js."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        driver.set_script_timeout(SECONDS)

    def go(self, url: str) -> None:
        """Open a page; if it is the sandboxed one, switch to its frame."""
        self.driver.get(url)
        if url.endswith("/sandboxed"):
            self.driver.switch_to.frame("frame")

    def call(self, function: str, *args: str) -> str:
        """Call one of the functions of probes.js."""
        script = f"{PROBES}\nconst [...args] = arguments;\n{function}(...args.slice(0, -1)).then(args.at(-1));"
        return str(self.driver.execute_async_script(script, *args))


async def run(stage: Stage) -> list[Outcome]:
    """Run all attacks with one browser."""
    with chromium(stage.folder / "chromium", NAMES) as driver:
        page = Page(driver)
        return [
            await _allowed_page(stage, page),
            *await _foreign_page(stage, page, stage.open, "without keys", ORIGINS),
            *await _foreign_page(
                stage, page, stage.keyed, "with keys", _only(("another site", "a sandboxed frame (`Origin: null`)"))
            ),
            await _rebinding(stage, page),
            _clickjacking(stage, page),
            await _plain_name(stage, page),
        ]


def _only(names: Sequence[str]) -> Mapping[str, str]:
    return {name: ORIGINS[name] for name in names}


async def _allowed_page(stage: Stage, page: Page) -> Outcome:
    page.go(f"http://{ALLOWED_HOST}:{stage.site_port}/")
    marker = "from a friend"
    got = page.call("friendly", stage.keyed.url, marker, stage.keys["alice"].text())
    return Outcome(
        "(control) an allowed page, with a key",
        "preflight, `fetch`, EventSource and WebSocket with tickets",
        got,
        "allowed: its origin is in `allowed_origins`",
        unless(
            the_headers_can_be_read="X-Request-ID, X-RateLimit-Remaining, X-Generation-ID" in got,
            all_three_started=stage.provider.count_prompts(marker) == 3,
        ),
    )


async def _foreign_page(
    stage: Stage, page: Page, server: Server, which: str, places: Mapping[str, str]
) -> list[Outcome]:
    async with running_answer(stage, server) as answer:
        before = await stage.started(server)
        results: dict[str, dict[str, str]] = {probe.name: {} for probe in STARTS}
        for place, url in places.items():
            page.go(url.replace("PORT", str(stage.site_port)))
            for probe in STARTS:
                marker = _marker(probe, place, which)
                results[probe.name][place] = page.call(f"probes.{probe.name}", server.url, marker, answer.id)
        recorded = [await stage.started(server) - before, await answer.state()]
    together = Outcome(
        f"All of these, {which}",
        "what the gateway recorded",
        f"started: {recorded[0]}; the running generation: {recorded[1]}",
        STOPPED_BY,
        unless(nothing_was_started=recorded[0] == 0, the_answer_runs_on=recorded[1] == "streaming"),
    )
    return [*(_row(stage, probe, which, results[probe.name]) for probe in STARTS), together]


def _row(stage: Stage, probe: Probe, which: str, results: Mapping[str, str]) -> Outcome:
    return Outcome(
        f"A foreign page, {which}",
        probe.how,
        _join(results),
        STOPPED_BY,
        unless(
            nothing_was_asked=not any(stage.provider.count_prompts(_marker(probe, place, which)) for place in results),
            nothing_but_a_refusal_was_read=not any(map(_READ.search, results.values())),
        ),
    )


def _marker(probe: Probe, place: str, which: str) -> str:
    return f"{probe.name} from {place}, {which}."


def _join(results: Mapping[str, str]) -> str:
    """Join results: one text if every origin got the same, apart from its own name in the message."""
    results = {place: re.sub(r"Pages of \S+ are", "Pages of … are", result) for place, result in results.items()}
    if len(set(results.values())) == 1:
        return next(iter(results.values()))
    return "; ".join(f"{place}: {result}" for place, result in results.items())


async def _rebinding(stage: Stage, page: Page) -> Outcome:
    """Load a page from a name that now resolves to the gateway, and run the probes there."""
    server, place = stage.open, "a rebound name"
    own = server.url.replace("127.0.0.1", "rebound.test")
    async with running_answer(stage, server) as answer:
        before = await stage.started(server)
        # The page's origin does not depend on the server that sent it.
        page.go(f"{own}/")
        results = {
            probe.name: page.call(f"probes.{probe.name}", own, _marker(probe, place, ""), answer.id)
            for probe in REBOUND_PROBES
        }
        count = await stage.started(server) - before
    got = "; ".join(f"{name}: {result}" for name, result in results.items())
    return Outcome(
        "DNS rebinding, without keys",
        "a foreign name that now resolves to the gateway: `Origin` and `Host` agree",
        f"{got}; started: {count}",
        "on loopback, only addresses and loopback names are accepted as the gateway's own; the refusals can be read, "
        "since the browser treats both as one site",
        unless(nothing_was_started=count == 0, nothing_was_read=not re.search(r"\b20\d, readable|\bread \w", got)),
    )


def _clickjacking(stage: Stage, page: Page) -> Outcome:
    seen = []
    for url in (stage.open.url, stage.keyed.url, stage.nginx.url):
        page.go(f"http://attacker.test:{stage.site_port}/")
        page.call("probes.frameOfPage", url)
        page.driver.switch_to.frame(0)
        seen.append(len(page.driver.find_elements("css selector", "#ask")))
        page.driver.switch_to.default_content()
    page.go(f"{stage.open.url}/")
    alone = len(page.driver.find_elements("css selector", "#ask"))
    return Outcome(
        "Clickjacking",
        "the demo page in a frame of a foreign page: of the gateway without keys, of the one with keys, and through "
        "nginx",
        f"forms in the frame: {', '.join(map(str, seen))}; in the page opened directly: {alone}",
        "`frame-ancestors 'none'`",
        unless(no_form_in_a_frame=seen == [0, 0, 0], the_page_has_one=alone == 1),
    )


async def _plain_name(stage: Stage, page: Page) -> Outcome:
    """Over plain HTTP browsers send `Sec-Fetch-Site` only to loopback, and no `Origin` with a `no-cors` GET."""
    marker = "over plain HTTP"
    with (
        gateway("--upstream", stage.provider.url, trusted_proxies="127.0.0.1") as server,
        running_nginx(server.url, folder=stage.folder / "plain") as nginx,
    ):
        page.go(f"http://attacker.test:{stage.site_port}/")
        named = nginx.url.replace("127.0.0.1", "gateway.test")
        got = page.call("probes.getNoCors", named, marker)
        async with stage.client(server.url) as http:
            count = await count_started(http)
    return Outcome(
        "A foreign page, without keys, at a plain-HTTP name",
        "`no-cors` `fetch` with `Accept: text/event-stream` of a start by GET, at `http://gateway.test`, an "
        "nginx in front of a gateway without keys: browsers send neither `Origin` nor `Sec-Fetch-Site` there",
        f"{got}; started: {count}",
        "a start by GET must prove that it does not come from a foreign page",
        unless(nothing_was_started=count == 0),
    )


@dataclass(frozen=True, slots=True)
class RunningAnswer:
    """A running generation of the victim."""

    id: str
    http: aiohttp.ClientSession

    async def state(self) -> str:
        """Return its state."""
        async with self.http.get(f"/api/generations/{self.id}") as response:
            return str((await response.json())["state"])


@asynccontextmanager
async def running_answer(stage: Stage, server: Server) -> AsyncIterator[RunningAnswer]:
    """Start a generation that keeps running, and interrupt it at the end."""
    async with stage.client(server.url, "" if server is stage.open else "alice") as http:
        body = {
            "model": "slow",
            "messages": [{"role": "user", "content": "running"}],
            "options": {"on_disconnect": "continue"},
        }
        async with http.post("/api/generations", json=body) as response:
            answer = RunningAnswer((await response.json())["id"], http)
        async with asyncio.timeout(PATIENCE):
            while await answer.state() != "streaming":
                await asyncio.sleep(0.02)
        try:
            yield answer
        finally:
            async with http.post(f"/api/generations/{answer.id}/interrupt"):
                pass


FAMILY: Final = Family(
    "Cross-site",
    """\
A person who may use the gateway has a foreign page open in the same browser. A page on another port of this machine is
of the same site, one of another host name is of another site, and a sandboxed frame has no origin.""",
    run,
)
