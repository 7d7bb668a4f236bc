"""Results as JSON and CSV."""

import csv
import io

import orjson

from gateway.cli.bench.providers.report.data import to_csv, to_json
from tests.gateway.cli.bench.providers.report.examples import mixed


def test_json_and_csv_have_the_same_figures() -> None:
    document = orjson.loads(to_json(mixed()))
    rows = list(csv.DictReader(io.StringIO(to_csv(mixed()))))
    assert [row["target"] for row in rows] == [target["target"] for target in document["targets"]]
    for row, target in zip(rows, document["targets"], strict=True):
        for name in set(row) - {"errors"}:
            assert row[name] == ("" if target[name] is None else str(target[name])), name
        assert len(target["samples"]) == target["requests"]
    assert rows[1]["errors"] == "timeout:1"
    assert document["targets"][2]["cost_per_request_usd"] is None
    assert document["targets"][0]["cost_per_10000_usd"] == 14.4
    assert document["baseline"] == "scripted/dear"
