"""Results as JSON."""

import orjson

from gateway.cli.bench.transports.report.data import to_json
from tests.gateway.cli.bench.transports.examples import mixed


def test_json_has_figures_differences_and_samples() -> None:
    document = orjson.loads(to_json(mixed()))
    received = document["measures"]["received"]
    assert received["transports"]["ws"] == {"p50": 120.0, "p99": 120.0, "count": 10, "round_medians": [120.0] * 10}
    assert received["differences"]["ws"] == {
        "against": "sse",
        "median": 20.0,
        "rounds_with_its_sign": 10,
        "rounds": 10,
        "beyond_chance": True,
    }
    assert len(document["samples"]) == 41
    assert document["samples"][-1] == {"round": 3, "transport": "ws", "failure": "timeout"}
    assert document["failures"][0]["count"] == 1
    assert len(document["cpu"]) == 20
    assert document["load"] == [0.25, None]
