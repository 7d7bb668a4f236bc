import pytest
import yaml

from tests.deploy.dashboard import FILE, SECTIONS
from tests.deploy.metric_names import exposed, named, unknown


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum(up{job="dualstream"}) == 0 or absent(up)', {"up"}),
        ('sum by (model, end) (rate(a_total{end="error (b)"}[5m])) / 2 > 0.05', {"a_total"}),
        ("count(a_total unless b_total offset 5m) > 0", {"a_total", "b_total"}),
        ("3600 * sum(rate(a_total[$__rate_interval])) or vector(0)", {"a_total"}),
    ],
)
def test_names_are_found_and_nothing_else(expression: str, names: set[str]) -> None:
    assert named(expression) == names


def test_the_suffixes_are_those_of_the_exposition() -> None:
    assert {"dualstream_attempts_total", "dualstream_store_up", "dualstream_queue_wait_seconds_bucket"} <= exposed()
    assert unknown(["sum(dualstream_attempts)", "up"]) == {"dualstream_attempts"}


def test_every_metric_of_the_dashboard_exists() -> None:
    expressions = [query.expression for section in SECTIONS for panel in section.panels for query in panel.queries]
    assert unknown(expressions) == set()


def test_every_metric_of_the_alerts_exists() -> None:
    alerts = yaml.safe_load((FILE.parents[2] / "prometheus" / "alerts.yaml").read_text("utf-8"))
    assert unknown(rule["expr"] for group in alerts["groups"] for rule in group["rules"]) == set()
