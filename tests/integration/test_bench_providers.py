"""`dualstream bench providers` with the real simulator, over sockets. No assertion compares a time with a limit."""

import argparse
import csv
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from gateway.cli.bench.providers.command import add_arguments, run
from gateway.config import load
from gateway.routing.model import Model
from gateway.routing.target import Target
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.integration.processes import CHECKOUT, Server

REQUESTS = 3
FAST = "?ttft=1&speed=20000&jitter=0"


@pytest.fixture
async def upstream(simulator: Server) -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream("simulator", f"{simulator.url}/v1", OpenAIChatFormat())
    yield upstream
    await upstream.close()


def models(upstream: HttpUpstream) -> list[Model]:
    """Return a model for each profile with a price, one whose answers are truncated, and one without usage."""
    profiles = ("sim-gpt-4.1", "sim-gpt-4o", "sim-claude-3.5-sonnet", "sim-gemini-1.5-flash")
    targets = {name: Target(upstream, f"{name}{FAST}", vendor="simulator") for name in profiles}
    targets["broken"] = Target(upstream, f"sim{FAST}&fault=drop", vendor="simulator")
    targets["uncounted"] = Target(upstream, f"sim{FAST}&usage=off")
    return [Model(name, [target]) for name, target in targets.items()]


async def test_all_reports_have_the_same_figures(
    upstream: HttpUpstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    files = {name: tmp_path / f"results.{name}" for name in ("json", "csv", "html")}
    arguments = [argument for name, file in files.items() for argument in (f"--{name}", str(file))]
    options = parser.parse_args(["--requests", str(REQUESTS), "--concurrency", "2", *arguments])

    assert await run(models(upstream), options) == 1  # because of the truncated ones

    table = capsys.readouterr().out
    report = orjson.loads(files["json"].read_bytes())
    targets = {target["model"]: target for target in report["targets"]}
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
    assert report["baseline"] == "simulator/sim-gpt-4o?ttft=1&speed=20000&jitter=0"
    assert (cheap["monthly_usd"], cheap["monthly_saved_usd"]) == (24.0, 21.0)
    assert "47 %" in table
    assert "truncated, 3 of 3" in table


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway", "bench", "providers", *arguments]


def environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
    return {**inherited, "PYTHONPATH": str(CHECKOUT)}


def run_bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=60, cwd=folder, env=environment()
    )


def test_without_a_configuration_the_simulator_answers_as_four_providers(tmp_path: Path) -> None:
    done = run_bench(tmp_path, "--requests", "1", "--max-tokens", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = orjson.loads(done.stdout)
    names = {target["target"]: target["price_output_per_million_usd"] for target in report["targets"]}
    assert names == {
        "simulator/sim-gpt-4.1": 8.0,
        "simulator/sim-gpt-4o": 15.0,
        "simulator/sim-claude-3.5-sonnet": 15.0,
        "simulator/sim-gemini-1.5-flash": 2.5,
    }
    named = run_bench(tmp_path, "--models", "sim-instant", "--requests", "1", "--max-tokens", "1")
    assert "sim-instant" in named.stdout


def test_the_documented_configuration_has_the_documented_models() -> None:
    folder = CHECKOUT / "docs" / "bench"
    settings = load({}, {}, folder / "providers.toml")
    report = orjson.loads((folder / "providers.json").read_bytes())
    assert set(settings.models) == {target["model"] for target in report["targets"]}


def test_an_invalid_configuration_is_reported_as_by_check(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text('prot = 8080\nport = "x"\n', "utf-8")
    done = run_bench(tmp_path, "--config", "broken.toml")
    check = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "broken.toml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env=environment(),
    )
    assert (done.returncode, done.stderr, done.stdout) == (2, check.stderr, "")
    assert done.stderr.startswith("broken.toml:1: ")


def test_ctrl_c_ends_the_command_with_the_results_so_far(tmp_path: Path) -> None:
    arguments = ("--models", "sim-gpt-4.1", "--requests", "40", "--concurrency", "1", "--max-tokens", "1")
    running = subprocess.Popen(
        command(*arguments, "--json", "results.json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    try:
        assert running.stderr is not None
        assert "[ 4/40]" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 130
    assert stderr == ""
    assert "Interrupted" in stdout
    report = orjson.loads((tmp_path / "results.json").read_bytes())
    assert report["interrupted"]
    assert 4 <= report["targets"][0]["answered"] < 40
