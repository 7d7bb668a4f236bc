"""A gateway as an operator meets it: models of several providers, clients with keys, and an hour behind it.

`python -m tests.integration.console.scene FOLDER` runs it. Its providers are simulators, and the hour before its start
is made up, from one seed.
"""

import asyncio
import math
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import uvicorn

from gateway.admission.limits import PrincipalLimits
from gateway.api.console.console import GAP_BOUNDS_MS
from gateway.app.factory import create_app
from gateway.config import load
from gateway.security.api_keys import ApiKey, StoredKey, hash_secret
from gateway.security.key_file import write_keys
from gateway.security.principals import Role
from gateway.server.uvicorn_config import server_config
from gateway.telemetry.activity import Activity
from gateway.telemetry.history import BUCKET_SECONDS, BUCKETS, EndFacts, Output, Totals

CONFIGURATION: Final = """
keys_file = "keys.toml"
max_concurrent = 24
max_queue = 50
rate_limit_per_minute = 0
drain_timeout = 0
[providers.openai]
preset = "simulator"
[providers.anthropic]
preset = "simulator"
[providers.google]
preset = "simulator"
[providers.azure]
preset = "simulator"

[models."gpt-4.1"]
price = { input = 2.0, output = 8.0 }
provider = "openai"
upstream_model = "sim?ttft=340&speed=150&jitter=0.3&length=9000&language=markdown"

[models."claude-sonnet-4"]
provider = "anthropic"
upstream_model = "sim?ttft=620&speed=190&jitter=0.3&length=9000&language=markdown"
price = { input = 3.0, output = 15.0 }

[models."gemini-2.5-flash"]
provider = "google"
upstream_model = "sim?ttft=210&speed=420&jitter=0.2&length=6000&language=english"
price = { input = 0.3, output = 2.5 }

[models."gpt-4.1-mini"]
retry_base = 0.2
[[models."gpt-4.1-mini".upstreams]]
provider = "openai"
upstream_model = "sim?fault=500&ttft=90"
[[models."gpt-4.1-mini".upstreams]]
provider = "azure"
upstream_model = "sim?ttft=280&speed=260&length=1400&language=english"
price = { input = 0.4, output = 1.6 }

[models."gemini-2.5-flash-lite"]
provider = "google"
upstream_model = "sim?ttft=120&speed=900&length=500&language=english"
price = { input = 0.3, output = 2.5 }

[models."claude-opus-4"]
provider = "anthropic"
upstream_model = "sim?fault=400&ttft=40"
"""

KEYS: Final[Mapping[str, tuple[ApiKey, frozenset[Role], float | None]]] = {
    "alice": (ApiKey("aLiCe4Kq", "a" * 43), frozenset(), 5.0),
    "support": (ApiKey("sUpP0rtX", "s" * 43), frozenset(), 20.0),
    "research": (ApiKey("r3SeArcH", "r" * 43), frozenset({"observe"}), None),
    "nightly": (ApiKey("nIgHt1yZ", "n" * 43), frozenset(), 0.05),
    "ops": (ApiKey("0pSk3yQw", "o" * 43), frozenset({"operate"}), None),
}
"""The key, the roles and the budget of each client. These keys are of this gateway alone."""


def main() -> None:
    """Run the gateway with its files in a folder."""
    folder = Path(sys.argv[1])
    file = folder / "dualstream.toml"
    file.write_text(CONFIGURATION, "utf-8")
    now = time.time()
    write_keys(folder / "keys.toml", [_stored(name, now) for name in KEYS])
    settings = load({"port": 0}, {}, file)
    app = create_app(settings, load=lambda: load({"port": 0}, {}, file))
    seed_hour(app.state.activity, now)
    config = server_config(settings, app)
    config.port = 0
    asyncio.run(_serve(uvicorn.Server(config)))


async def _serve(server: uvicorn.Server) -> None:
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    print(f"The scene listens on http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
    await serving


def _stored(name: str, now: float) -> StoredKey:
    key, roles, budget = KEYS[name]
    limits = PrincipalLimits(budget_per_day=budget)
    expires = now + 30 * 86_400 if name == "research" else None
    return StoredKey(name, key.id, hash_secret(key.secret), now - 86_400 * 20, expires, None, roles, limits)


def seed_hour(activity: Activity, now: float) -> None:
    """Add a plausible hour before a time: load that comes and goes, and one provider that failed for some minutes."""
    chance, totals = random.Random(17), Totals([0] * (len(GAP_BOUNDS_MS) + 1))
    for bucket in range(BUCKETS):
        at = now - (BUCKETS - bucket) * BUCKET_SECONDS
        minute = bucket * BUCKET_SECONDS / 60
        load_factor = 1 + 0.45 * math.sin(minute / 9) + 0.2 * math.sin(minute / 2.7)
        outage = 31 <= minute <= 36
        for _ in range(round(chance.uniform(2, 4) * load_factor)):
            moment = at + chance.uniform(0, BUCKET_SECONDS)
            activity.history.record_end(_end(chance, moment, load_factor, outage=outage))
        totals = _grown(chance, totals, load_factor)
        activity.history.sample(at, totals)
    # What follows is counted from where the hour ends.
    count = activity.totals
    activity.totals = lambda: Totals(
        [seeded + counted for seeded, counted in zip(totals.gaps, count().gaps, strict=True)],
        totals.saved_tokens + count().saved_tokens,
        totals.saved_usd + count().saved_usd,
    )


def _end(chance: random.Random, at: float, load_factor: float, *, outage: bool) -> EndFacts:
    ttft = chance.lognormvariate(6.0, 0.35) * (0.8 + 0.25 * load_factor) * (1.9 if outage else 1)
    tokens, seconds = chance.uniform(150, 900), chance.uniform(4, 25)
    fate = chance.random()
    if fate < (0.3 if outage else 0.02):
        code = chance.choices(
            ["server_error", "rate_limit", "first_token_timeout", "stalled"], [8, 3, 2, 1] if outage else [1, 5, 1, 1]
        )[0]
        return EndFacts(at, "error", code, None, 0.0, None)
    kind = "interrupted" if fate > 0.93 else "complete"
    tokens *= 0.4 if kind == "interrupted" else 1
    return EndFacts(at, kind, None, ttft, tokens * 9e-6, Output(tokens, at - seconds, at))


def _grown(chance: random.Random, totals: Totals, load_factor: float) -> Totals:
    gaps = list(totals.gaps)
    for _ in range(60):
        gap = chance.lognormvariate(3.0, 0.5) * (0.7 + 0.4 * load_factor)
        gaps[sum(bound < gap for bound in GAP_BOUNDS_MS)] += 1
    saved = chance.randrange(0, 900) if chance.random() < 0.12 else 0
    return Totals(gaps, totals.saved_tokens + saved, totals.saved_usd + saved * 9e-6)


if __name__ == "__main__":
    main()
