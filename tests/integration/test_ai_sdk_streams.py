"""Logs made at random, as UI message streams that two major versions of the AI SDK validate and read."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings

from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.base import ProjectedEvent
from gateway.generation.event_log import EventLog
from gateway.protocol.events import Chunk, Complete, Revision
from tests.gateway.dialects.ai_sdk.logs import Answer, answers
from tests.gateway.dialects.ai_sdk.streams import COMPLETE, IDENTITY, Message, chunks_of, log_of, message_of, project
from tests.integration.npm import node22, npm_set
from transports.projected.stream import event_frame

SCRIPT: Final = Path(__file__).parent / "ai_sdk" / "read_streams.mjs"
EXAMPLES: Final = 300

Json = dict[str, Any]


def made() -> list[Answer]:
    """Return answers: one whose text is replaced, and many made at random."""
    found = [Answer([[Chunk("old")], [Chunk("new")]], COMPLETE)]

    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(answers)
    def collect(answer: Answer) -> None:
        found.append(answer)

    collect()
    return found


def body_of(events: Sequence[ProjectedEvent], *, cut: bool) -> Json:
    return {"text": b"".join(map(event_frame, events)).decode(), "cut": cut}


def responses_of(log: EventLog, *, resets: bool) -> tuple[list[Json], Message]:
    """Return the bodies that a client gets, which resumes after each cut, and what it has in the end."""
    bodies: list[Json] = []
    after = 0
    while True:
        projection = AiSdkProjection(IDENTITY, "msg_1", resets=resets, after=after)
        events = project(log, projection)
        bodies.append(body_of(events, cut=projection.is_cut))
        if not projection.is_cut:
            return bodies, message_of(chunks_of(events))
        after = min(entry.last for entry in log.since(after) if isinstance(entry.other, Revision))


def text_of(message: Json | None, kind: str) -> str:
    return "" if message is None else "".join(part["text"] for part in message["parts"] if part["type"] == kind)


@pytest.mark.timeout(360)
def test_both_versions_read_any_log(tmp_path: Path) -> None:
    cases: list[Json] = []
    expected: list[tuple[Answer, Message]] = []
    for answer in made():
        for version in (6, 7):
            bodies, message = responses_of(log_of(answer.events), resets=version == 7)
            cases.append({"version": version, "responses": bodies})
            expected.append((answer, message))
    npm_set("chat_uis").link_into(tmp_path)
    script, file = tmp_path / SCRIPT.name, tmp_path / "cases.json"
    script.write_bytes(SCRIPT.read_bytes())
    file.write_text(json.dumps(cases), "utf-8")
    done = subprocess.run([node22(), str(script), str(file)], capture_output=True, text=True, timeout=300, check=True)
    results: list[Json] = json.loads(done.stdout)
    assert len(results) == len(cases) > EXAMPLES
    for case, (answer, message), result in zip(cases, expected, results, strict=True):
        assert result["error"] == message.error, (case, result)
        assert result["status"] == ("ready" if message.error is None else "error")
        assert result["more"] == 0, "no second message of the assistant"
        assert text_of(result["message"], "text") == answer.text, (case, result)
        assert text_of(result["message"], "reasoning") == answer.reasoning
        if isinstance(answer.end, Complete):
            assert result["message"]["id"] == "msg_1"
            assert result["message"]["metadata"]["usage"]["totalTokens"] == 30
            kinds = [part["type"].replace("tool-look", "tool") for part in result["message"]["parts"]]
            assert kinds == [part["type"] for part in message.parts]
