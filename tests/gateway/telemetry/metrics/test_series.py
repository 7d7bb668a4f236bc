from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.metrics.label_values import LabelValues
from gateway.telemetry.metrics.metric import Kind, Metric
from gateway.telemetry.metrics.registry import Registry
from gateway.telemetry.metrics.series import MAX_GROUPS, SeriesGroups
from gateway.telemetry.metrics.snapshot import Labels

CALLS = Metric("calls", Kind.COUNTER, "Calls.", ("model", "code"))
RUNNING = Metric("running", Kind.GAUGE, "Running.", ("model",), merge="max")
GAP = Metric("gap_seconds", Kind.HISTOGRAM, "Gap.", ("model",), "seconds", (1.0, 2.0))

NUMBERS = st.none() | st.sampled_from([-1, 0, 0.5, 1, 1.0, 7])


def members(model: str, code: str) -> Sequence[tuple[Metric, Labels]]:
    return [(CALLS, (model, code)), (RUNNING, (model,)), (GAP, (model,))]


def small_registry(configured: set[str]) -> Registry:
    return Registry(LabelValues(lambda _label: configured, max_values=2), max_series=5)


@given(
    counted=st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["", "x", "y"]),
            st.lists(NUMBERS, max_size=3),
            st.none() | st.sampled_from("abcdef"),
        )
    )
)
def test_a_group_counts_as_the_registry_does_for_each_of_its_series(
    counted: list[tuple[str, str, list[float | None], str | None]],
) -> None:
    configured = set[str]()
    registry, expected = small_registry(configured), small_registry(configured)
    groups = SeriesGroups(registry, members)
    for model, code, amounts, reloaded in counted:
        if reloaded is not None:
            # The configuration has another model now.
            configured.add(reloaded)
        groups[model, code].count(*amounts)
        for (metric, labels), amount in zip(members(model, code), amounts, strict=False):
            if amount is None:
                continue
            if metric is GAP:
                expected.record(metric, amount, *labels)
            else:
                expected.add(metric, amount, *labels)
    assert registry.snapshot().families == expected.snapshot().families


def test_groups_of_labels_without_end_are_not_kept() -> None:
    registry = Registry()
    groups = SeriesGroups(registry, members)
    for number in range(MAX_GROUPS + 10):
        groups[f"m{number}", ""].count(1)
        assert len(groups) <= MAX_GROUPS
    groups["m0", ""].count(1)
    assert registry.value(CALLS, "m0", "") == 2
