"""Runs made of logs at random, as the real clients of AG-UI and TanStack AI read them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings

from gateway.dialects.ag_ui import AgUiDialect
from gateway.dialects.ag_ui.transcript import Transcript
from gateway.dialects.base import Projection
from gateway.dialects.tanstack import TanStackDialect
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Error
from tests.gateway.dialects.ag_ui.generated_logs import logs
from tests.gateway.dialects.ag_ui.runs import IDENTITY, MESSAGES, decoded, log_of, project, started
from tests.integration.chat_uis.node import run_program

RUNS = 300

Run = tuple[Sequence[object], list[JsonObject]]


def generated(new_projection: Callable[[int], Projection], *, cuts: bool = False) -> list[Run]:
    """Return logs, and what a projection makes of them. The function gets the number that a log has reached in half."""
    runs: list[Run] = []

    @settings(max_examples=RUNS, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(logs)
    def generate(events: Sequence[object]) -> None:
        if not cuts or not (isinstance(events[-1], Error) and events[-1].code == "truncated"):
            projection = new_projection(len(events) // 2 + 1)
            runs.append((events, decoded(project(projection, log_of(events).since(0)))))

    generate()
    return runs


def read_by(program: str, packages: str, runs: Sequence[Run], folder: Path) -> list[dict[str, Any]]:
    """Return what a program has read of runs."""
    file = folder / "runs.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps({"events": events, "messages": MESSAGES}) for _, events in runs))
    results: list[dict[str, Any]] = orjson.loads(run_program(program, packages, folder, str(file)))
    assert len(results) == len(runs)
    return results


def transcript_of(events: Sequence[JsonObject]) -> Transcript:
    """Return the messages of the run alone."""
    transcript = Transcript()
    for event in events:
        transcript.add(event)
    return transcript


def test_ag_ui_s_client_accepts_every_run_without_a_warning(tmp_path: Path) -> None:
    runs = generated(lambda _: AgUiDialect().projection(started(), IDENTITY), cuts=True)
    for (events, sent), result in zip(runs, read_by("ag_ui_logs.mjs", "ag_ui", runs, tmp_path), strict=True):
        assert (result["error"], result["warnings"]) == (None, []), events
        assert result["last"] == sent[-1]["type"]
        mine = [message for message in result["messages"] if message["id"] != MESSAGES[0]["id"]]
        assert result["messages"][0] == MESSAGES[0]
        assert comparable(mine) == comparable(transcript_of(sent).messages), events


def test_ag_ui_s_client_accepts_every_run_that_it_joins(tmp_path: Path) -> None:
    runs = generated(lambda half: AgUiDialect().joined(started().call.body, IDENTITY, half))
    whole = generated(lambda _: AgUiDialect().joined(started().call.body, IDENTITY, 10_000))
    results = read_by("ag_ui_logs.mjs", "ag_ui", runs, tmp_path)
    for (events, _), (_, ended), result in zip(runs, whole, results, strict=True):
        assert (result["error"], result["warnings"]) == (None, []), events
        assert ended == []
        assert result["last"] in {"RUN_FINISHED", "RUN_ERROR"}


def test_tanstack_s_client_shows_every_run(tmp_path: Path) -> None:
    runs = generated(lambda _: TanStackDialect().projection(started(), IDENTITY))
    for (events, sent), result in zip(runs, read_by("tanstack_logs.mjs", "tanstack", runs, tmp_path), strict=True):
        messages = transcript_of(sent).messages
        assert not result["loading"]
        assert result["warnings"] == []
        assert (result["error"] is None) is (sent[-1]["type"] == "RUN_FINISHED")
        said = "".join(str(message.get("content") or "") for message in messages if message["role"] == "assistant")
        # An answer of white space alone is not shown.
        assert result["text"] == said or not said.strip(), events
        thought = [message["content"] for message in messages if message["role"] == "reasoning"]
        assert result["thinking"] == thought, events


def comparable(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages in the order of their ids: a client adds a message where its first event is."""
    return sorted(messages, key=lambda message: str(message["id"]))
