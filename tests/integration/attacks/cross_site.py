"""What a page of somebody else's can do to a gateway, in a real browser of a person who may use it."""

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
from tests.integration.attacks.stage import ALLOWED_HOST, PATIENCE, Stage, started
from tests.integration.browser import chromium
from tests.integration.processes import Server, gateway
from tests.integration.test_nginx import nginx_before

PROBES: Final = (Path(__file__).parent / "probes.js").read_text("utf-8")
SECONDS: Final = 20.0

NAMES: Final = f"--host-resolver-rules=MAP *.test 127.0.0.1, MAP *.localhost 127.0.0.1, MAP {ALLOWED_HOST} 127.0.0.1"

PLACES: Final[Mapping[str, str]] = {
    "another port of this machine": "http://127.0.0.1:PORT/",
    "another site": "http://attacker.test:PORT/",
    "another name of this machine": "http://evil.localhost:PORT/",
    "a sandboxed frame (`Origin: null`)": "http://attacker.test:PORT/sandboxed",
}
"""Where the attacker's page is from."""

KEPT_OUT: Final = "the page's `Origin`, or `Sec-Fetch-Site` where browsers send none; nothing is allowed by CORS"


@dataclass(frozen=True, slots=True)
class Probe:
    """One of the functions in probes.js."""

    name: str
    how: str


STARTS: Final = (
    Probe("websocket", "`new WebSocket`, then a `start`"),
    Probe("eventSource", "`new EventSource` of a start by GET"),
    Probe("eventSourceWithCredentials", "the same with `withCredentials`"),
    Probe("get", "`fetch` of it with `Accept: text/event-stream`, which needs no preflight"),
    Probe("getNoCors", "the same with `no-cors`"),
    Probe("post", "`fetch` by POST with JSON"),
    Probe("postNoCors", "the same with `no-cors` as `text/plain`"),
    Probe("postNoType", "`no-cors` POST of a `Blob` without a type"),
    Probe("formText", "a form, `text/plain`, that spells JSON"),
    Probe("formUrlencoded", "the same, `application/x-www-form-urlencoded`"),
    Probe("formMultipart", "the same, `multipart/form-data`"),
    Probe("beacon", "`navigator.sendBeacon` with JSON as `text/plain`"),
    Probe("image", "`<img>` of a start by GET"),
    Probe("script", "`<script>` of it"),
    Probe("style", "`<link rel=stylesheet>` of it"),
    Probe("frame", "`<iframe>` of it"),
    Probe("interruptByForm", "a form without fields to a running answer's `interrupt`, its id being known"),
    Probe("interruptNoCors", "the same by `no-cors` `fetch`"),
    Probe("readStats", "`fetch` of `/api/stats`"),
    Probe("readModels", "`fetch` of `/api/models`"),
    Probe("readAnswer", "`fetch` of a running answer, its id being known"),
    Probe("readEvents", "`new EventSource` of its events"),
    Probe("ticket", "`no-cors` POST of `/api/tickets`"),
)
REBOUND: Final = tuple(
    probe
    for probe in STARTS
    if probe.name in {"websocket", "eventSource", "get", "post", "readStats", "readModels", "readAnswer"}
)


class Page:
    """A page in the browser, which tries what it is told."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        driver.set_script_timeout(SECONDS)

    def go(self, url: str) -> None:
        """Open a page; of a sandboxed one, its frame."""
        self.driver.get(url)
        if url.endswith("/sandboxed"):
            self.driver.switch_to.frame("frame")

    def call(self, function: str, *given: str) -> str:
        """Call one of the functions of probes.js."""
        script = f"{PROBES}\nconst [...given] = arguments;\n{function}(...given.slice(0, -1)).then(given.at(-1));"
        return str(self.driver.execute_async_script(script, *given))


async def run(stage: Stage) -> list[Outcome]:
    """Try everything with one browser."""
    with chromium(stage.folder / "chromium", NAMES) as driver:
        page = Page(driver)
        return [
            await _friend(stage, page),
            *await _foreign(stage, page, stage.open, "without keys", PLACES),
            *await _foreign(
                stage, page, stage.keyed, "with keys", _only(("another site", "a sandboxed frame (`Origin: null`)"))
            ),
            await _rebinding(stage, page),
            _clickjacking(stage, page),
            await _plain_name(stage, page),
        ]


def _only(names: Sequence[str]) -> Mapping[str, str]:
    return {name: PLACES[name] for name in names}


async def _friend(stage: Stage, page: Page) -> Outcome:
    page.go(f"http://{ALLOWED_HOST}:{stage.site_port}/")
    marker = "from a friend"
    got = page.call("friendly", stage.keyed.url, marker, stage.keys["alice"].text())
    return Outcome(
        "(control) an allowed page, with a key",
        "preflight, `fetch`, EventSource and WebSocket by tickets",
        got,
        "nothing: its origin is in `allowed_origins`",
        unless(
            the_headers_can_be_read="X-Request-ID, X-RateLimit-Remaining, X-Generation-ID" in got,
            all_three_started=stage.provider.heard(marker) == 3,
        ),
    )


async def _foreign(stage: Stage, page: Page, server: Server, which: str, places: Mapping[str, str]) -> list[Outcome]:
    async with running_answer(stage, server) as answer:
        before = await stage.started(server)
        said: dict[str, dict[str, str]] = {probe.name: {} for probe in STARTS}
        for place, url in places.items():
            page.go(url.replace("PORT", str(stage.site_port)))
            for probe in STARTS:
                marker = _marker(probe, place, which)
                said[probe.name][place] = page.call(f"probes.{probe.name}", server.url, marker, answer.id)
        held = [await stage.started(server) - before, await answer.state()]
    together = Outcome(
        f"All of these, {which}",
        "what the gateway has of them",
        f"started: {held[0]}; the running answer: {held[1]}",
        KEPT_OUT,
        unless(nothing_was_started=held[0] == 0, the_answer_runs_on=held[1] == "streaming"),
    )
    return [*(_row(stage, probe, which, said[probe.name]) for probe in STARTS), together]


def _row(stage: Stage, probe: Probe, which: str, said: Mapping[str, str]) -> Outcome:
    return Outcome(
        f"A foreign page, {which}",
        probe.how,
        _together(said),
        KEPT_OUT,
        unless(
            nothing_was_asked=not any(stage.provider.heard(_marker(probe, place, which)) for place in said),
            nothing_was_read=not any(re.search(r", readable|\bread \w", one) for one in said.values()),
        ),
    )


def _marker(probe: Probe, place: str, which: str) -> str:
    return f"{probe.name} from {place}, {which}."


def _together(said: Mapping[str, str]) -> str:
    """Say it once if every place got the same, but for its own name in it."""
    said = {place: re.sub(r"Pages of \S+ may", "Pages of … may", one) for place, one in said.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{place}: {one}" for place, one in said.items())


async def _rebinding(stage: Stage, page: Page) -> Outcome:
    """Be a page of a name that led elsewhere when it was loaded, and leads to the gateway now."""
    server, place = stage.open, "a rebound name"
    own = server.url.replace("127.0.0.1", "rebound.test")
    async with running_answer(stage, server) as answer:
        before = await stage.started(server)
        # What its origin is does not hang on who has sent it.
        page.go(f"{own}/")
        said = {
            probe.name: page.call(f"probes.{probe.name}", own, _marker(probe, place, ""), answer.id)
            for probe in REBOUND
        }
        held = await stage.started(server) - before
    got = "; ".join(f"{name}: {one}" for name, one in said.items())
    return Outcome(
        "DNS rebinding, without keys",
        "a foreign name that leads to the gateway by now: `Origin` and `Host` agree",
        f"{got}; started: {held}",
        "on loopback, only addresses and loopback names are the gateway's own; the refusals can be read, since the "
        "browser takes both for one site",
        unless(nothing_was_started=held == 0, nothing_was_read=not re.search(r"\b20\d, readable|\bread \w", got)),
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
        "the demo page in a frame of a foreign page; of the open gateway, the one with keys, and through nginx",
        f"forms to click in it: {', '.join(map(str, seen))}; in the page by itself: {alone}",
        "`frame-ancestors 'none'`",
        unless(no_form_in_a_frame=seen == [0, 0, 0], the_page_has_one=alone == 1),
    )


async def _plain_name(stage: Stage, page: Page) -> Outcome:
    """Over plain HTTP browsers send `Sec-Fetch-Site` to loopback alone, and `Origin` with no GET of `no-cors`."""
    marker = "over plain HTTP"
    with (
        gateway("--upstream", stage.provider.url, trusted_proxies="127.0.0.1") as server,
        nginx_before(server.url, folder=stage.folder / "plain") as nginx,
    ):
        page.go(f"http://attacker.test:{stage.site_port}/")
        named = nginx.url.replace("127.0.0.1", "gateway.test")
        got = page.call("probes.getNoCors", named, marker)
        async with stage.client(server.url) as http:
            count = await started(http)
    return Outcome(
        "A foreign page, without keys, at a plain-HTTP name",
        "`no-cors` `fetch` with `Accept: text/event-stream` of a start by GET, at `http://gateway.test`, an "
        "nginx before an open gateway: browsers send neither `Origin` nor `Sec-Fetch-Site` there",
        f"{got}; started: {count}",
        "a start by GET has to prove that it is no foreign page's",
        unless(nothing_was_started=count == 0),
    )


@dataclass(frozen=True, slots=True)
class RunningAnswer:
    """An answer of the victim's that goes on."""

    id: str
    http: aiohttp.ClientSession

    async def state(self) -> str:
        """Tell its state."""
        async with self.http.get(f"/api/generations/{self.id}") as response:
            return str((await response.json())["state"])


@asynccontextmanager
async def running_answer(stage: Stage, server: Server) -> AsyncIterator[RunningAnswer]:
    """Start one that goes on, and stop it in the end."""
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
A person who may use the gateway has a foreign page open in the same browser. One on another port of this machine is of
the same site, one of another name is of another site, and a sandboxed frame has no origin at all.""",
    run,
)
