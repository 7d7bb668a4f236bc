import sys
from pathlib import Path

import pytest

from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.process import read_process
from gateway.telemetry.metrics.registry import SnapshotBuilder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_is_described() -> None:
    builder = SnapshotBuilder()
    read_process(1000.0, builder)
    values = {name: family.series[()] for name, family in builder.snapshot.families.items()}
    assert values[names.START_TIME.name] == 1000.0
    for metric in (names.CPU, names.RESIDENT, names.OPEN_FILES, names.MAX_FILES):
        value = values[metric.name]
        assert isinstance(value, int | float)
        assert value > 0


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    builder = SnapshotBuilder()
    read_process(1000.0, builder, tmp_path)
    found = builder.snapshot.families.keys()
    assert {names.START_TIME.name, names.CPU.name} <= found
    assert not {names.RESIDENT.name, names.OPEN_FILES.name} & found
