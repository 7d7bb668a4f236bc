"""`dualstream bench transports` against real gateways. No assertion compares a time with a limit."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from gateway.cli.main import main
from tests.integration import processes
from tests.integration.processes import CHECKOUT, Server

QUICK = "sim?stamp=on&ttft=5&speed=1500&length=1200"
ONCE = ("--runs", "1", "--concurrency", "1", "--json", "-")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with processes.gateway(rate_limit_per_minute=0) as server:
        yield server


def measure(*options: str) -> int:
    return main(["bench", "transports", *options])


def test_it_measures_a_gateway_that_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A file and variables of the user must not change what is measured.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUALSTREAM_MAX_CONCURRENT", "1")
    Path("dualstream.toml").write_text("nonsense = true\n")
    files = ("--json", "results.json", "--html", "results.html")
    options = ("--runs", "1", "--concurrency", "2", "--transports", "ws,sse", "--model", QUICK, *files)
    assert measure(*options) == 0
    output = capsys.readouterr()
    assert "Delay of a chunk" in output.out
    assert "[8/8]" in output.err
    assert "WebSocket" in Path("results.html").read_text("utf-8")

    report = orjson.loads(Path("results.json").read_bytes())
    assert report["same_clock"] is True
    assert report["failures"] == []
    measures = report["measures"]
    expected = {"delay", "gap", "accepted", "ttft", "reconnect", "stop_ack", "stop_end", "received", "sent"}
    assert expected <= set(measures)
    for each in measures.values():
        assert set(each["transports"]) == {"sse", "ws"}
        for figures in each["transports"].values():
            assert 0 < figures["p50"] <= figures["p99"]
            assert len(figures["round_medians"]) == 1
    answers = [sample for sample in report["samples"] if "events" in sample]
    assert len(answers) == 4
    # At least the text of the answer.
    assert all(sample["received_bytes"] > 1200 for sample in answers)
    assert all(sample["accepted_s"] <= sample["ttft_s"] for sample in answers)


@pytest.mark.parametrize(
    ("model", "codes"),
    [
        # Without stamps, only the gaps are known.
        (QUICK.replace("stamp=on&", ""), set()),
        ("sim?length=5&ttft=0", {"too_short"}),
    ],
)
def test_it_measures_a_running_gateway(
    running: Server, capsys: pytest.CaptureFixture[str], model: str, codes: set[str]
) -> None:
    assert measure(*ONCE, "--url", running.url, "--model", model, "--key", "unused") == 0
    output = capsys.readouterr()
    report = orjson.loads(output.out)
    assert {failure["code"] for failure in report["failures"]} == codes
    assert report["same_clock"] is None
    assert {"delay", "gateway_cpu"}.isdisjoint(report["measures"])
    assert "No delay of chunks" in output.err
    assert ("reconnect" in report["measures"]) == (not codes)


@pytest.mark.parametrize(
    ("url", "message"),
    [("", "gave no answer: model_not_found: "), ("http://127.0.0.1:9", "gave no answer: network_error: ")],
)
def test_a_gateway_that_gives_no_answer_ends_the_run(
    running: Server, capsys: pytest.CaptureFixture[str], url: str, message: str
) -> None:
    assert measure("--url", url or running.url, "--model", "nothing") == 1
    assert message in capsys.readouterr().err


def test_ctrl_c_reports_what_was_measured(running: Server, tmp_path: Path) -> None:
    options = ("--runs", "5", "--concurrency", "1", "--model", QUICK, "--url", running.url, "--json", "results.json")
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "bench", "transports", *options, "--transports", "ws"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, first + errors
    assert "Interrupted" in output
    assert orjson.loads((tmp_path / "results.json").read_bytes())["interrupted"] is True
