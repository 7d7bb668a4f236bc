"""Answers of models with several upstreams, event by event: real processes; writes docs/routing-events.md."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import orjson
from pydantic import JsonValue

from tests.integration.servers import running, simulator_process

PAGE = Path(__file__).parents[2] / "docs" / "routing-events.md"

Event = Mapping[str, JsonValue]

PROVIDERS = """
[providers.weak]
preset = "simulator"

[providers.strong]
preset = "simulator"

[providers.google]
api = "gemini"
base_url = "{google}"
"""

SHOWN: Mapping[str, Sequence[str]] = {
    "accepted": ["model"],
    "start": ["provider", "upstream_model", "attempt", "revision"],
    "retry": ["attempt", "provider", "code", "delay_ms"],
    "revision": ["revision", "reason"],
    "complete": ["finish_reason", "usage", "cost_usd"],
    "error": ["code", "partial", "retryable"],
}
"""What is shown of each event: what is the same in each run."""


@dataclass(frozen=True)
class Case:
    """A model with two upstreams, and the types of the events that it must bring."""

    name: str
    title: str
    says: str
    model: str
    types: str
    settings: str = ""


CASES = (
    Case(
        "fallback",
        "Fallback",
        "The first upstream answers 500. The second is asked at once.",
        """
[[models.fallback.upstreams]]
provider = "weak"
upstream_model = "sim?fault=500"

[[models.fallback.upstreams]]
provider = "strong"
upstream_model = "sim-instant?length=60"
""",
        "accepted retry start chunk complete",
    ),
    Case(
        "gate",
        "The first-content gate",
        "The first upstream accepts the call and sends an error instead of content: it has not won.",
        """
[[models.gate.upstreams]]
provider = "weak"
upstream_model = "sim-instant?fault=error&after=0"

[[models.gate.upstreams]]
provider = "strong"
upstream_model = "sim-instant?length=60"
""",
        "accepted start retry start chunk complete",
    ),
    Case(
        "hedged",
        "A race",
        "The first upstream brings nothing for 0.3 s. A second one is called and wins; the first one's connection is "
        "closed, and its prompt is in the bill: the usage is an estimate now, since the loser told none.",
        """
[models.hedged]
hedge = 0.3

[[models.hedged.upstreams]]
provider = "weak"
upstream_model = "sim?ttft=60000"

[[models.hedged.upstreams]]
provider = "strong"
upstream_model = "sim-instant?length=60"
""",
        "accepted start start chunk complete",
    ),
    Case(
        "continued",
        "Failover, continued",
        "The first upstream breaks off in mid-answer. The second one goes on from its last character.",
        """
[models.continued]
failover = true

[[models.continued.upstreams]]
provider = "weak"
upstream_model = "sim?speed=200&ttft=0&length=60&fault=drop&after=5"

[[models.continued.upstreams]]
provider = "strong"
upstream_model = "sim-instant?length=60"
""",
        "accepted start chunk retry start chunk complete",
    ),
    Case(
        "anew",
        "Failover, begun anew",
        "The same, but the second one speaks an API that can't go on from a text: a new revision says so.",
        """
[models.anew]
failover = true

[[models.anew.upstreams]]
provider = "weak"
upstream_model = "sim?speed=200&ttft=0&length=60&fault=drop&after=5"

[[models.anew.upstreams]]
provider = "google"
upstream_model = "sim-instant?length=60"
price = { input = 0.3, output = 2.5 }
""",
        "accepted start chunk retry revision start chunk complete",
    ),
    Case(
        "tools",
        "No failover inside a tool call",
        "Half of a call's arguments can't be continued by another model: the answer ends, and says so.",
        """
[models.tools]
failover = true

[[models.tools.upstreams]]
provider = "weak"
upstream_model = "sim?speed=200&ttft=0&tool_calls=1&fault=drop&after=3"

[[models.tools.upstreams]]
provider = "strong"
upstream_model = "sim-instant?length=60"
""",
        "accepted start tool_call error",
    ),
    Case(
        "budget",
        "A budget that ends a running answer",
        "With `budget_per_day = 0.0005` and 8 dollars for a million tokens, some sixty tokens are all there is.",
        """
[models.budget]
provider = "strong"
upstream_model = "sim?speed=2000&ttft=0&length=4000"
""",
        "accepted start chunk error",
        settings="budget_per_day = 0.0005",
    ),
)


@contextmanager
def gateway(case: Case, google: str) -> Iterator[str]:
    """Run a gateway with a case's file; give its address."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "dualstream.toml"
        providers = PROVIDERS.replace("{google}", google)
        file.write_text(f"{case.settings}\n{providers}\n{case.model}", "utf-8")
        with running("serve", "--port", "0", "--config", str(file)) as (_, address):
            yield address


@contextmanager
def google_api() -> Iterator[str]:
    """Run a simulator of its own; give the base URL of its Gemini API."""
    with simulator_process() as base_url:
        yield base_url.removesuffix("/v1") + "/v1beta"


async def by_sse(address: str, case: Case) -> list[Event]:
    """Start an answer, and read its events from an SSE body."""
    async with aiohttp.ClientSession(address) as http, http.post("/api/chat/stream", json=_body(case)) as response:
        lines = (await response.read()).split(b"\n")
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


async def by_websocket(address: str, case: Case) -> list[Event]:
    """Start an answer, and read its events from a WebSocket."""
    events: list[Event] = []
    async with aiohttp.ClientSession(address) as http, http.ws_connect("/api/ws", protocols=["dualstream.v1"]) as ws:
        await ws.send_json({"type": "start", **_body(case)})
        async for message in ws:
            event: Event = orjson.loads(message.data)
            events += [] if event["type"] == "ack" else [event]
            if event["type"] in {"complete", "error", "interrupted"}:
                break
    return events


def _body(case: Case) -> dict[str, JsonValue]:
    return {"model": case.name, "messages": [{"role": "user", "content": "Hello"}]}


def joined(events: Sequence[Event]) -> list[dict[str, JsonValue]]:
    """Join what came in pieces: text, and the arguments of a tool call."""
    found: list[dict[str, JsonValue]] = []
    for event in events:
        kind, piece = event["type"], {"chunk": "content", "tool_call": "arguments"}.get(str(event["type"]))
        if piece and found and found[-1]["type"] == kind:
            found[-1][piece] = f"{found[-1][piece]}{event[piece]}"
        else:
            found.append(dict(event))
    return found


def shown(case: Case, events: Sequence[Event]) -> str:
    """Write events down, a line each: what is the same in each run."""
    lines = []
    for event in joined(events):
        kind = str(event["type"])
        fields = {name: event[name] for name in SHOWN.get(kind, ["content", "name", "arguments"]) if name in event}
        if case.name == "budget":
            fields = {name: f"{value[:40]}…" if name == "content" and isinstance(value, str) else value
                      for name, value in fields.items()}  # fmt: skip
        elif kind == "error":
            fields["cost_usd"] = event["cost_usd"]
        lines.append(f"{kind:9} {orjson.dumps(fields).decode()}")
    return "\n".join(lines)


async def page() -> str:
    """Run all cases and write the page."""
    parts = [
        "# Several upstreams, event by event\n\n"
        "What clients see, on either transport the same, of models that are configured as shown; what it means stands\n"
        "in [routing.md](routing.md). Real processes, the simulator as the upstreams; adjacent pieces of text are\n"
        "joined, ids and times left out. Made by `python -m tests.integration.routing`; a test runs it all again and\n"
        "compares. To see it yourself, put these providers before the models, and a `dualstream simulate` behind the\n"
        'third; a second provider at a simulator of its own goes on with a text by `preset = "ollama"`.\n'
        f"\n```toml\n{PROVIDERS.replace('{google}', 'http://127.0.0.1:9090/v1beta').strip()}\n```\n"
    ]
    with google_api() as google:
        for case in CASES:
            with gateway(case, google) as address:
                events = await by_sse(address, case)
            parts.append(
                f"\n## {case.title}\n\n{case.says}\n\n```toml\n{case.model.strip()}\n```\n\n"
                f"```\n{shown(case, events)}\n```\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(page()), "utf-8")
    sys.stdout.write(f"{PAGE.name} is written\n")
