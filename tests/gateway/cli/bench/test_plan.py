"""Who is asked, under which label, in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.bench.plan import BadPlanError, Plan, Subject, find, subjects
from gateway.routing.model import Model
from gateway.routing.target import Target
from tests.gateway.cli.bench.fakes import subject
from tests.support import ScriptedUpstream


def models() -> list[Model]:
    one, other = ScriptedUpstream(), ScriptedUpstream()
    other.name = "other"
    return [
        Model("large", [Target(one), Target(other, model="large-2")]),
        Model("small", [Target(one)]),
        Model("alias", [Target(one, model="small")]),
        Model("twice", [Target(one, weight=1), Target(one, weight=2)]),
    ]


def test_each_target_is_a_subject_with_a_label_of_its_own() -> None:
    assert [one.label for one in subjects(models())] == [
        "scripted/large",
        "other/large-2",
        "scripted/small (small)",
        "scripted/small (alias)",
        "scripted/twice (twice) #1",
        "scripted/twice (twice) #2",
    ]
    assert [one.label for one in subjects(models(), ["alias", "large"])] == [
        "scripted/large",
        "other/large-2",
        "scripted/small",
    ]


def test_an_unknown_name_is_answered_with_the_known() -> None:
    with pytest.raises(BadPlanError, match="'huge' is not configured; known are: large, small, alias, twice"):
        subjects(models(), ["small", "huge"])
    with pytest.raises(BadPlanError, match="no models are configured"):
        subjects([])


def test_a_baseline_is_a_label_or_a_model_with_one_target() -> None:
    chosen = subjects(models())
    assert find(chosen, "other/large-2").label == "other/large-2"
    assert find(chosen, "alias").label == "scripted/small (alias)"
    with pytest.raises(BadPlanError, match="'large' is several; known are: scripted/large, other/large-2"):
        find(chosen, "large")
    with pytest.raises(BadPlanError, match="'huge' is no target"):
        find(chosen, "huge")


@given(st.integers(1, 5), st.integers(1, 30), st.integers(1, 9))
def test_each_request_is_sent_once_and_no_target_gets_ahead(targets: int, requests: int, concurrency: int) -> None:
    plan = Plan([subject(str(number)) for number in range(targets)], requests, concurrency)
    sent: dict[Subject, list[int]] = {one: [] for one in plan.subjects}
    for one, numbers in plan.turns():
        assert len(numbers) <= concurrency
        sent[one].extend(numbers)
        counts = [len(of) for of in sent.values()]
        assert max(counts) - min(counts) <= concurrency
    assert all(of == list(range(requests)) for of in sent.values())
    assert plan.total == targets * requests


def test_a_round_begins_with_another_target_each_time() -> None:
    plan = Plan([subject(name) for name in "abc"], 3, 1)
    assert "".join(one.model for one, _ in plan.turns()) == "abcbcacab"


def test_the_same_number_asks_everybody_the_same() -> None:
    plan = Plan([subject("a"), subject("b")], prompts=["one", "two"])
    a, b = (plan.call(one, 3) for one in plan.subjects)
    assert (a.model, b.model) == ("a", "b")
    assert a.messages == b.messages
    assert a.messages[0].content == "two"
    assert a.options == {"max_tokens": 160}
