"""`dualstream bench providers` against the real simulator, over sockets. No timing is a verdict here."""

import argparse
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from gateway.bench.command import add_arguments, run
from gateway.routing.model import Model
from gateway.routing.target import Target
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.openai import OpenAIWire
from tests.integration.processes import Server

REQUESTS = 3
HASTE = "?ttft=1&speed=20000&jitter=0"


@pytest.fixture
async def upstream(simulator: Server) -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream("simulator", f"{simulator.url}/v1", OpenAIWire())
    yield upstream
    await upstream.close()


def models(upstream: HttpUpstream) -> list[Model]:
    """Make a model of each profile that has a price, one whose answers break off, and one that counts nothing."""
    profiles = ("sim-gpt-4.1", "sim-gpt-4o", "sim-claude-3.5-sonnet", "sim-gemini-1.5-flash")
    named = {name: Target(upstream, f"{name}{HASTE}", preset="simulator") for name in profiles}
    named["broken"] = Target(upstream, f"sim{HASTE}&fault=drop", preset="simulator")
    named["uncounted"] = Target(upstream, f"sim{HASTE}&usage=off")
    return [Model(name, [target]) for name, target in named.items()]


async def test_all_reports_are_of_one_measurement(
    upstream: HttpUpstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    files = {name: tmp_path / f"results.{name}" for name in ("json", "csv", "html")}
    given = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    options = parser.parse_args(["--requests", str(REQUESTS), "--concurrency", "2", *given])

    assert await run(models(upstream), options) == 1  # the one that breaks off

    table = capsys.readouterr().out
    told = orjson.loads(files["json"].read_bytes())
    targets = {target["model"]: target for target in told["targets"]}
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(files["csv"].read_text("utf-8")))}
    page = files["html"].read_text("utf-8")
    assert list(rows) == list(targets)
    assert len(targets) == 6

    for name, target in targets.items():
        assert target["requests"] == REQUESTS
        assert rows[name]["answered"] == str(target["answered"])
        assert target["upstream_model"] in table
        assert target["upstream_model"].replace("&", "&amp;") in page
        if name == "broken":
            assert (target["answered"], target["errors"]) == (0, {"truncated": REQUESTS})
            continue
        assert (target["answered"], target["errors"]) == (REQUESTS, {})
        assert 0 < target["ttft_p50_ms"] <= target["ttft_p95_ms"] <= target["duration_p95_ms"]
        assert target["tokens_exact"] == (name != "uncounted")
        assert target["output_tokens_mean"] > 100
        if name == "uncounted":
            assert target["cost_per_request_usd"] is None
            continue
        tokens = target["input_tokens_mean"] + target["output_tokens_mean"]
        cost = target["price_output_per_million_usd"] * tokens / 100
        assert target["cost_per_10000_usd"] == pytest.approx(cost)
        assert f"${cost:,.2f}" in table
        assert f"${cost:,.2f}" in page

    cheap = targets["sim-gpt-4.1"]
    assert told["baseline"] == "simulator/sim-gpt-4o?ttft=1&speed=20000&jitter=0"
    assert (cheap["monthly_usd"], cheap["monthly_saved_usd"]) == (24.0, 21.0)
    assert "47 %" in table
    assert "truncated, 3 of 3" in table
