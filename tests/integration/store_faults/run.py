"""Run a fault, and report what the clients of both gateways saw."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.integration.store_faults.clients import Probe, Viewer, described
from tests.integration.store_faults.faults import Fault
from tests.integration.store_faults.site import Site

BEFORE_SECONDS = 0.8
"""How long answers run before the fault."""

AFTER_INTERVALS = 2.5
"""How long they run after it, in intervals between two renewals of a lease."""

LATE_SECONDS = 0.4
"""Time from the beginning of the fault until a viewer comes to the gateway that has not read its answer yet."""

START_SECONDS = 15.0
SPEED = 40
KEPT = 3
"""Answers that have ended before the fault."""


@dataclass
class Report:
    """What clients saw of one fault. Names of sides: A runs the answers that are viewed, B serves them, too."""

    fault: Fault
    seconds: float = 0.0
    """How long the fault lasted."""
    viewers: dict[str, Viewer] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    logged: list[str] = field(default_factory=list)
    deviations: list[str] = field(default_factory=list)


async def run(site: Site, fault: Fault) -> Report:
    """Run a fault on a site whose gateways can use their store."""
    return await _Run(site, fault).run()


class _Run:
    def __init__(self, site: Site, fault: Fault) -> None:
        self._site = site
        self._http = site.http
        self._a, self._b = (server.url for server in site.gateways)
        self._report = Report(fault)
        self._began = 0.0
        self._started: dict[str, str] = {}
        """Accepted starts during the fault, with the gateway that accepted them."""

    async def run(self) -> Report:
        site, report = self._site, self._report
        logged = [len(server.output) for server in site.gateways]
        run_seconds = BEFORE_SECONDS + self._longest_fault() + AFTER_INTERVALS * site.lease / 3
        kept = [await self._start(self._a, "sim-instant?length=50") for _ in range(KEPT)]
        watched = await self._start(self._a, f"sim?speed={SPEED}&jitter=0&length={int(SPEED * run_seconds)}")
        short_length = int(SPEED * (BEFORE_SECONDS + site.seconds / 2))
        short = await self._start(self._a, f"sim?speed={SPEED}&jitter=0&length={short_length}")
        commanded = await self._start(self._b, f"sim?speed={SPEED}&length={int(SPEED * run_seconds)}")
        self._began = time.monotonic() + BEFORE_SECONDS
        viewers = {
            f"{name} {side}": Viewer(self._http, url, generation_id, self._began)
            for name, generation_id in (("long", watched), ("short", short))
            for side, url in (("A", self._a), ("B", self._b))
        }
        report.viewers = viewers
        late = await self._start(self._a, f"sim?speed={SPEED}&jitter=0&length={int(SPEED * run_seconds)}")
        viewers["late B"] = Viewer(self._http, self._b, late, self._began)
        delays = [BEFORE_SECONDS + LATE_SECONDS if name == "late B" else 0.0 for name in viewers]
        tasks = [asyncio.create_task(viewer.run(delay)) for viewer, delay in zip(viewers.values(), delays, strict=True)]
        await asyncio.sleep(BEFORE_SECONDS)
        probing = self._start_probes(kept, commanded)
        self._began = time.monotonic()
        await report.fault.act(site)
        report.seconds = time.monotonic() - self._began
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
            await site.until_up()
        await asyncio.sleep(1)
        for task in probing:
            task.cancel()
        await asyncio.gather(*probing, return_exceptions=True)
        report.logged = site.log_lines(logged)
        await self._check([*kept, watched, short, late])
        return report

    def _longest_fault(self) -> float:
        is_long = self._report.fault.takes_over
        return 2.5 * self._site.lease + 1 if is_long else self._site.seconds

    async def _start(self, url: str, model: str) -> str:
        """Start a generation; the gateway may just have noticed that its store is another one."""
        body = {"messages": [{"role": "user", "content": "Tell."}], "model": model}
        async with asyncio.timeout(START_SECONDS):
            while True:
                async with self._http.post(f"{url}/api/generations", json=body) as response:
                    if response.status == 201:
                        return str((await response.json())["id"])
                await asyncio.sleep(0.1)

    def _start_probes(self, kept: Sequence[str], commanded: str) -> list[asyncio.Task[None]]:
        asks: dict[str, Callable[[], Awaitable[str]]] = {}
        for side, url in (("A", self._a), ("B", self._b)):
            asks[f"ready {side}"] = partial(self._get, f"{url}/ready")
            asks[f"start {side}"] = partial(self._start_for_probe, url, side)
            asks[f"snapshot {side}"] = partial(self._get, f"{url}/api/generations/{kept[0]}")
        asks["unknown B"] = partial(self._get, f"{self._b}/api/generations/g_unknown")
        asks["command"] = partial(self._note, f"{self._a}/api/generations/{commanded}/feedback")
        self._report.probes = {name: Probe(ask, self._began) for name, ask in asks.items()}
        return [asyncio.create_task(probe.run()) for probe in self._report.probes.values()]

    async def _get(self, url: str) -> str:
        async with self._http.get(url) as response:
            return await described(response)

    async def _note(self, url: str) -> str:
        async with self._http.post(url, json={"mode": "note", "rating": 1}) as response:
            return await described(response)

    async def _start_for_probe(self, url: str, side: str) -> str:
        body = {"messages": [{"role": "user", "content": "Tell."}], "model": "sim-instant?length=20"}
        async with self._http.post(f"{url}/api/generations", json=body) as response:
            if response.status == 201:
                self._started[(await response.json())["id"]] = side
            return await described(response)

    # What must be true.

    async def _check(self, generations: Sequence[str]) -> None:
        takes_over = self._report.fault.takes_over
        for name, viewer in self._report.viewers.items():
            self._expect(viewer.problems == [], f"{name}: {viewer.problems}")
            ends = {"error generation_lost"} if takes_over and not name.startswith("short") else {"complete"}
            if takes_over and name.startswith("short"):
                # A showed its end before B took it over, with the part that was stored.
                ends |= {"error generation_lost"}
            self._expect(viewer.end in ends, f"{name}: ended by {viewer.end}")
        for name in ("long", "short"):
            a, b = (self._report.viewers[f"{name} {side}"] for side in "AB")
            is_equal = (a.text, a.end) == (b.text, b.end) or (takes_over and a.text.startswith(b.text))
            self._expect(is_equal, f"{name}: A and B got different answers")
        for name, probe in self._report.probes.items():
            self._expect(not any(answer[2].startswith("500") for answer in probe.answers), f"{name}: 500")
        for name in ("snapshot A", "snapshot B"):
            lost = [answer for answer in self._report.probes[name].answers if answer[2].startswith("404")]
            self._expect(not lost, f"{name}: a retained answer was called lost: {lost[:2]}")
        self._expect(not any("Traceback" in line for line in self._report.logged), "a traceback was logged")
        self._expect(len(self._report.logged) <= 10, f"{len(self._report.logged)} lines were logged")
        for generation_id in (*generations, *self._started):
            await self._expect_same_everywhere(generation_id)

    async def _expect_same_everywhere(self, generation_id: str) -> None:
        """Check that both gateways serve a generation, and with the same end."""
        found = list[object]()
        for url in (self._a, self._b):
            async with self._http.get(f"{url}/api/generations/{generation_id}") as response:
                body = await response.json()
                found.append((response.status, body.get("state"), body.get("text"), body.get("seq")))
        self._expect(found[0] == found[1] and "200" in str(found[0]), f"{generation_id}: {found}"[:300])

    def _expect(self, is_true: bool, problem: str) -> None:
        if not is_true:
            self._report.deviations.append(problem)
