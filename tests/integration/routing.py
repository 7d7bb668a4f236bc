"""Generations of models with several upstreams, event by event, in real processes; writes routing-events.md."""

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

PAGE = Path(__file__).parents[2] / "docs" / "reports" / "routing-events.md"

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

FIELDS: Mapping[str, Sequence[str]] = {
    "accepted": ["model"],
    "start": ["provider", "upstream_model", "attempt", "revision"],
    "retry": ["attempt", "provider", "code", "delay_ms"],
    "revision": ["revision", "reason"],
    "complete": ["finish_reason", "usage", "cost_usd"],
    "error": ["code", "partial", "retryable"],
}
"""Fields of each event that are the same in every run, by its type."""


@dataclass(frozen=True)
class Case:
    """A model with two upstreams, and the expected types of its events."""

    name: str
    title: str
    description: str
    model: str
    types: str
    settings: str = ""


CASES = (
    Case(
        "fallback",
        "Fallback",
        "The first upstream responds with 500. The second one is called at once.",
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
        "content",
        "Selection by content",
        "The first upstream accepts the call, then sends an error instead of content: it is not selected.",
        """
[[models.content.upstreams]]
provider = "weak"
upstream_model = "sim-instant?fault=error&after=0"

[[models.content.upstreams]]
provider = "strong"
upstream_model = "sim-instant?length=60"
""",
        "accepted start retry start chunk complete",
    ),
    Case(
        "hedged",
        "Hedging",
        "The first upstream sends no content for 0.3 s. A second one is called and wins. The first one's connection is "
        "aborted, and its prompt is counted: the usage is an estimate, because the loser sent no figures.",
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
        "The first upstream fails in mid-answer. The second one continues after its last character.",
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
        "restarted",
        "Failover, restarted",
        "The same, but the API of the second upstream can't continue a text: a `revision` event announces a new one.",
        """
[models.restarted]
failover = true

[[models.restarted.upstreams]]
provider = "weak"
upstream_model = "sim?speed=200&ttft=0&length=60&fault=drop&after=5"

[[models.restarted.upstreams]]
provider = "google"
upstream_model = "sim-instant?length=60"
price = { input = 0.3, output = 2.5 }
""",
        "accepted start chunk retry revision start chunk complete",
    ),
    Case(
        "tools",
        "No failover inside a tool call",
        "Another model can't continue half of a call's arguments: the generation ends with an error.",
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
        "A budget that ends a running generation",
        "With `budget_per_day = 0.0005` and 8 dollars per million tokens, the budget is spent after some sixty tokens.",
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
    """Run a gateway with the configuration of a case; yield its address."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "dualstream.toml"
        providers = PROVIDERS.replace("{google}", google)
        file.write_text(f"{case.settings}\n{providers}\n{case.model}", "utf-8")
        with running("serve", "--port", "0", "--config", str(file)) as (_, address):
            yield address


@contextmanager
def google_api() -> Iterator[str]:
    """Run a simulator; yield the base URL of its Gemini API."""
    with simulator_process() as base_url:
        yield base_url.removesuffix("/v1") + "/v1beta"


async def by_sse(address: str, case: Case) -> list[Event]:
    """Start a generation, and return its events from an SSE body."""
    async with aiohttp.ClientSession(address) as http, http.post("/api/chat/stream", json=_body(case)) as response:
        lines = (await response.read()).split(b"\n")
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


async def by_websocket(address: str, case: Case) -> list[Event]:
    """Start a generation, and return its events from a WebSocket."""
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


def join_pieces(events: Sequence[Event]) -> list[dict[str, JsonValue]]:
    """Join adjacent pieces of text, and of the arguments of a tool call."""
    joined: list[dict[str, JsonValue]] = []
    for event in events:
        kind, piece = event["type"], {"chunk": "content", "tool_call": "arguments"}.get(str(event["type"]))
        if piece and joined and joined[-1]["type"] == kind:
            joined[-1][piece] = f"{joined[-1][piece]}{event[piece]}"
        else:
            joined.append(dict(event))
    return joined


def format_events(case: Case, events: Sequence[Event]) -> str:
    """Return one line for each event, with the fields that are the same in every run."""
    lines = []
    for event in join_pieces(events):
        kind = str(event["type"])
        fields = {name: event[name] for name in FIELDS.get(kind, ["content", "name", "arguments"]) if name in event}
        if case.name == "budget":
            fields = {name: f"{value[:40]}…" if name == "content" and isinstance(value, str) else value
                      for name, value in fields.items()}  # fmt: skip
        elif kind == "error":
            fields["cost_usd"] = event["cost_usd"]
        lines.append(f"{kind:9} {orjson.dumps(fields).decode()}")
    return "\n".join(lines)


async def page() -> str:
    """Run all cases and return the page."""
    parts = [
        "# Several upstreams, event by event\n\n"
        "The events that clients see of models with the configurations below; both transports send the same.\n"
        "[routing.md](../reference/routing.md) explains them. The upstreams are simulators in real processes.\n"
        "Adjacent pieces of text are joined; ids and times are left out. `python -m tests.integration.routing` writes\n"
        "this page, and a test runs all cases again and compares. To try a case, put these providers before its\n"
        "models and start a `dualstream simulate` at the address of the third provider. A provider with a simulator's\n"
        '`base_url` continues a text only with a preset that does, such as `preset = "ollama"`.\n'
        f"\n```toml\n{PROVIDERS.replace('{google}', 'http://127.0.0.1:9090/v1beta').strip()}\n```\n"
    ]
    with google_api() as google:
        for case in CASES:
            with gateway(case, google) as address:
                events = await by_sse(address, case)
            parts.append(
                f"\n## {case.title}\n\n{case.description}\n\n```toml\n{case.model.strip()}\n```\n\n"
                f"```\n{format_events(case, events)}\n```\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(page()), "utf-8")
    sys.stdout.write(f"Wrote {PAGE.name}\n")
