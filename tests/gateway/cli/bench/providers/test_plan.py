"""Subjects, their labels, and the order of requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.bench.output import BadPlanError
from gateway.cli.bench.providers.plan import Plan, Subject, find, subjects
from gateway.routing.model import Model
from gateway.routing.target import Target
from tests.gateway.cli.bench.providers.fakes import subject
from tests.scripted_upstream import ScriptedUpstream


def models() -> list[Model]:
    one, other = ScriptedUpstream(), ScriptedUpstream()
    other.name = "other"
    return [
        Model("large", [Target(one), Target(other, model="large-2")]),
        Model("small", [Target(one)]),
        Model("alias", [Target(one, model="small")]),
        Model("twice", [Target(one, weight=1), Target(one, weight=2)]),
    ]


def test_each_target_is_a_subject_with_a_unique_label() -> None:
    assert [subject.label for subject in subjects(models())] == [
        "scripted/large",
        "other/large-2",
        "scripted/small (small)",
        "scripted/small (alias)",
        "scripted/twice (twice) #1",
        "scripted/twice (twice) #2",
    ]
    assert [subject.label for subject in subjects(models(), ["alias", "large"])] == [
        "scripted/large",
        "other/large-2",
        "scripted/small",
    ]


def test_an_error_for_an_unknown_name_lists_the_known_names() -> None:
    with pytest.raises(BadPlanError, match="'huge' is not configured; use one of: large, small, alias, twice"):
        subjects(models(), ["small", "huge"])
    with pytest.raises(BadPlanError, match="no models are configured"):
        subjects([])


def test_a_baseline_is_a_label_or_a_model_with_one_target() -> None:
    chosen = subjects(models())
    assert find(chosen, "other/large-2").label == "other/large-2"
    assert find(chosen, "alias").label == "scripted/small (alias)"
    several = "'large' matches several targets; use one of: scripted/large, other/large-2"
    with pytest.raises(BadPlanError, match=several):
        find(chosen, "large")
    with pytest.raises(BadPlanError, match="'huge' matches no target"):
        find(chosen, "huge")


@given(st.integers(1, 5), st.integers(1, 30), st.integers(1, 9))
def test_each_request_is_sent_once_and_targets_advance_together(targets: int, requests: int, concurrency: int) -> None:
    plan = Plan([subject(str(number)) for number in range(targets)], requests, concurrency)
    sent: dict[Subject, list[int]] = {target: [] for target in plan.subjects}
    for target, numbers in plan.turns():
        assert len(numbers) <= concurrency
        sent[target].extend(numbers)
        counts = [len(numbers) for numbers in sent.values()]
        assert max(counts) - min(counts) <= concurrency
    assert all(numbers == list(range(requests)) for numbers in sent.values())
    assert plan.total == targets * requests


def test_each_round_starts_with_another_target() -> None:
    plan = Plan([subject(name) for name in "abc"], 3, 1)
    assert "".join(target.model for target, _ in plan.turns()) == "abcbcacab"


def test_the_same_number_is_the_same_prompt_for_every_subject() -> None:
    plan = Plan([subject("a"), subject("b")], prompts=["one", "two"])
    a, b = (plan.request(target, 3) for target in plan.subjects)
    assert (a.model, b.model) == ("a", "b")
    assert a.messages == b.messages
    assert a.messages[0].content == "two"
    assert a.options == {"max_tokens": 160}
