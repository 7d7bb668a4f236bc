"""CPU time of a process."""

from pathlib import Path

import pytest

from gateway.cli.bench.transports.cpu import process_seconds


def test_the_times_of_all_threads_are_summed(tmp_path: Path) -> None:
    for thread, used in (("7", "1500000000 3 4"), ("8", "500000000 1 1")):
        (tmp_path / "7" / "task" / thread).mkdir(parents=True)
        (tmp_path / "7" / "task" / thread / "schedstat").write_text(f"{used}\n")
    assert process_seconds(7, tmp_path) == pytest.approx(2.0)


@pytest.mark.parametrize("content", ["", "none"])
def test_an_unknown_time_is_none(tmp_path: Path, content: str) -> None:
    assert process_seconds(7, tmp_path) is None
    (tmp_path / "7" / "task" / "7").mkdir(parents=True)
    (tmp_path / "7" / "task" / "7" / "schedstat").write_text(content)
    assert process_seconds(7, tmp_path) is None
