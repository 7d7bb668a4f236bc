from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.metrics.label_values import MAX_LENGTH, OTHER, LabelValues


@given(st.lists(st.tuples(st.sampled_from(["model", "provider"]), st.text(max_size=200))))
def test_no_label_has_more_values_than_it_may(given: list[tuple[str, str]]) -> None:
    values, seen = LabelValues(lambda _: ("configured",), max_values=5), dict[str, set[str]]()
    for label, value in given:
        bounded = values.bound(label, value)
        assert bounded in {value, OTHER}
        assert len(bounded) <= MAX_LENGTH
        seen.setdefault(label, set()).add(bounded)
    for found in seen.values():
        assert len(found - {"", OTHER, "configured"}) <= 5


def test_configured_values_are_kept_whatever_came_before() -> None:
    configured = {"m1", "m2"}
    values = LabelValues(lambda label: configured if label == "model" else (), max_values=1)
    assert [values.bound("model", name) for name in ("a", "b", "m1", "m2", "a")] == ["a", OTHER, "m1", "m2", "a"]
    assert values.dropped == {"model": 1}


def test_a_missing_value_stays_missing() -> None:
    assert LabelValues(max_values=0).bound("model", "") == ""
