"""The command: its options, its exit codes, and Ctrl-C."""

import argparse
import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from gateway.billing.prices import flat
from gateway.cli.bench.providers import command
from gateway.cli.bench.providers.command import add_arguments, run
from gateway.cli.bench.providers.report.terminal import show
from gateway.cli.bench.providers.results import Results
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Usage
from gateway.routing.model import Model
from gateway.routing.target import Target
from gateway.upstreams.base import NEVER_READ, FastPath, Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse
from tests.event_loop import settle
from tests.scripted_upstream import ScriptedUpstream


class InstantUpstream:
    """An upstream that answers at once, or fails every call."""

    def __init__(self, name: str, failure: Failed | None = None) -> None:
        self.name = name
        self.calls: list[UpstreamRequest] = []
        self._failure = failure

    async def open(self, call: UpstreamRequest) -> UpstreamResponse:
        self.calls.append(call)
        if self._failure is not None:
            raise Failed(self._failure.code, self._failure.message)
        return InstantResponse(call.model)

    def can_continue(self, _call: UpstreamRequest) -> bool:
        return False

    async def close(self) -> None:
        pass


class InstantResponse:
    def __init__(self, model: str) -> None:
        self.model, self.reads, self.is_done = model, NEVER_READ, False

    async def stream(self, take: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        take([Chunk("one ")])
        take([Chunk("two"), Finished("stop"), Usage(10, 2, "exact")])

    def use_fast_path(self, fast_path: FastPath) -> None:
        pass

    def stop(self) -> None:
        pass

    def complete(self) -> None:
        pass

    async def close(self) -> None:
        pass


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def models() -> list[Model]:
    return [
        Model("cheap", [Target(InstantUpstream("one"), price=flat(8.0))]),
        Model("dear", [Target(InstantUpstream("other"), price=flat(15.0))]),
    ]


async def test_it_measures_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: tmp_path / f"results.{name}" for name in ("json", "csv", "html")}
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    assert await run(models(), parsed("--requests", "6", "--concurrency", "4", *options)) == 0
    output = capsys.readouterr()
    assert "$15.00" in output.out
    assert "[12/12]" in output.err
    written = orjson.loads(files["json"].read_bytes())
    assert [target["answered"] for target in written["targets"]] == [6, 6]
    assert files["csv"].read_text("utf-8").count("\n") == 3
    assert "one/cheap" in files["html"].read_text("utf-8")


async def test_json_is_the_only_text_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(models(), parsed("--requests", "1", "--json", "-")) == 0
    output = capsys.readouterr()
    assert orjson.loads(output.out)["requests"] == 1
    assert "tokens a day" in output.err


async def test_the_options_reach_the_requests() -> None:
    listed = models()
    assert await run(listed, parsed("--models", "dear", "--requests", "2", "--prompt", "Hi", "--max-tokens", "9")) == 0
    cheap, dear = (model.targets[0].upstream for model in listed)
    assert isinstance(cheap, InstantUpstream)
    assert isinstance(dear, InstantUpstream)
    assert cheap.calls == []
    assert [(call.model, call.options, call.messages[0].content) for call in dear.calls] == [
        ("dear", {"max_tokens": 9}, "Hi")
    ] * 2


async def test_a_target_that_always_fails_sets_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    down = Model("down", [Target(InstantUpstream("down", Failed(Code.AUTH_ERROR, "The key is wrong.")))])
    assert await run([*models(), down], parsed("--requests", "3")) == 1
    assert "down/down: auth_error, 3 of 3: The key is wrong." in capsys.readouterr().out


async def test_without_names_the_default_models_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(models(), parsed("--requests", "1"), ["dear"]) == 0
    assert "cheap" not in capsys.readouterr().out
    assert await run(models(), parsed("--requests", "1", "--models", "cheap"), ["dear"]) == 0
    assert "cheap" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "huge"], "--models: 'huge' is not configured; use one of: cheap, dear"),
        (["--baseline", "huge"], "--baseline: 'huge' matches no target; use one of: one/cheap, other/dear"),
        (["--models", "cheap", "--baseline", "dear"], "use one of: one/cheap"),
        (["--html", "/nowhere/at/all.html"], "--html: '/nowhere/at/all.html' can't be written"),
        (["--json", "x" * 300], "can't be written"),
        (["--csv", "/"], "--csv: '/' can't be written"),
        (["--json", "-", "--csv", "-"], "only one of --json, --csv can be written to standard output"),
    ],
)
async def test_bad_options_say_what_to_change(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = models()
    assert await run(listed, parsed(*arguments)) == 2
    assert message in capsys.readouterr().err
    assert all(
        isinstance(upstream := model.targets[0].upstream, InstantUpstream) and not upstream.calls for model in listed
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--requests", "0"],
        ["--concurrency", "two"],
        ["--timeout", "0"],
        ["--timeout", "inf"],
        ["--timeout", "soon"],
        ["--daily-tokens", "-1"],
        ["--models", ","],
    ],
)
def test_bad_values_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)
    assert ended.value.code == 2
    assert f"argument {arguments[0]}: must be" in capsys.readouterr().err


async def test_a_file_that_can_not_be_written_does_not_lose_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It can be opened, but every write fails (ENOSPC).
    options = parsed("--requests", "1", "--json", "/dev/full", "--csv", str(tmp_path / "results.csv"))
    assert await run(models(), options) == 2
    assert "--json: can't write" in capsys.readouterr().err
    assert (tmp_path / "results.csv").exists()


async def test_ctrl_c_reports_the_results_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    upstream = ScriptedUpstream()
    running = asyncio.create_task(run([Model("a", [Target(upstream)])], parsed("--requests", "4")))
    await settle()
    upstream.calls[0].send("text")
    upstream.calls[0].finish()
    await settle()
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 130
    assert upstream.open_calls == 0
    output = capsys.readouterr().out
    assert "Interrupted" in output
    assert "scripted  a" in output


async def test_ctrl_c_during_the_report_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def show_interrupted(screen: Console, results: Results) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        show(screen, results)

    monkeypatch.setattr(command, "show", show_interrupted)
    assert await run(models(), parsed("--requests", "1", "--json", str(tmp_path / "results.json"))) == 0
    assert not orjson.loads((tmp_path / "results.json").read_bytes())["interrupted"]
