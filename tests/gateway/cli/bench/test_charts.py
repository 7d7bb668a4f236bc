"""Bars, dots and scales that fit into their chart."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.bench.charts import MAX_TITLE, WIDTH, Bar, Strip, bars, ceiling, strips

values = st.just(0.0) | st.floats(1e-9, 1e9)


@given(st.lists(st.tuples(st.text(max_size=60), values, st.floats(1, 3)), min_size=1, max_size=8))
def test_no_bar_exceeds_the_width(chart: list[tuple[str, float, float]]) -> None:
    drawn = bars([Bar("a", title, "1,234 ms", value, value, value * more) for title, value, more in chart])
    for left, width in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn):
        assert float(left) + float(width) <= WIDTH


@given(st.lists(st.lists(values, max_size=20), min_size=1, max_size=8))
def test_each_value_is_a_dot_within_the_width(chart: list[list[float]]) -> None:
    drawn = strips([Strip("a", "name", strip) for strip in chart], str)
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn)]
    assert len(dots) == sum(map(len, chart))
    assert all(0 <= x <= WIDTH for x in dots)


def test_a_long_name_keeps_its_end_and_is_complete_in_the_tooltip() -> None:
    name = f"provider/{'x' * 40}-mini"
    drawn = bars([Bar("a", name, "1", 1.0)])
    assert f"<title>{name}</title>" in drawn
    assert f"…{name[1 - MAX_TITLE :]}</text>" in drawn


@given(values)
def test_a_scale_ends_at_or_above_its_values(value: float) -> None:
    assert ceiling(value) >= value
