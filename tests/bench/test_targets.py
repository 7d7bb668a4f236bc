"""Targets are named as in the scenarios, and those of another revision stand behind ours."""

import json
from pathlib import Path

from tests.bench.messages import AnswerSpec
from tests.bench.report.page import COLOURS
from tests.bench.runner import turns
from tests.bench.scenarios import ALL, SCENARIOS, Shape
from tests.bench.targets import TARGETS, targets_against, title_of


def test_every_target_is_in_a_scenario() -> None:
    assert set(TARGETS) == set(ALL) == {name for scenario in SCENARIOS for name in scenario.targets}


def test_every_target_has_a_colour() -> None:
    style = COLOURS.read_text("utf-8")
    assert all(f".{name} {{" in style for name in (*TARGETS, "before"))


def test_every_request_names_the_answer() -> None:
    answer = AnswerSpec(7, interval_ms=20)
    for target in TARGETS.values():
        request = target.request(answer)
        assert answer.model_name() in json.dumps(json.loads(request.body or request.first))


def test_another_revision_takes_turns_with_ours() -> None:
    others = targets_against(Path("/elsewhere"), "abc")
    firehose = next(scenario for scenario in SCENARIOS if scenario.name == "firehose")
    ordered = turns([firehose], [TARGETS["sse"], others["sse"], TARGETS["nginx"], others["redis"]], 1)
    assert [turn.target.name for turn in ordered] == ["sse", "sse@abc", "nginx"]
    assert "nginx" not in others
    assert others["sse"].server != TARGETS["sse"].server
    assert title_of("sse@abc") == others["sse"].title == "SSE @abc"


def test_a_server_may_take_a_part_of_the_load() -> None:
    assert Shape(100, 1500, AnswerSpec(10)).scaled(1 / 20) == Shape(5, 75, AnswerSpec(10))
    assert Shape(1, 1, AnswerSpec(10)).scaled(1 / 20) == Shape(1, 1, AnswerSpec(10))
