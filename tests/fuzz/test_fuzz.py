"""Every target with its seeds, mutations of them, and large inputs: a deterministic subset of `make fuzz`."""

import shutil

import pytest

from tests.fuzz import large, mutation
from tests.fuzz.findings import FINDINGS
from tests.fuzz.page import PAGE, ROOT
from tests.fuzz.table import TARGETS
from tests.fuzz.target import MAX_BYTES, Target, split
from tests.gateway.upstreams.replay import split_at

COUNT = 100
"""Mutations per target."""

LARGE = 16_384
"""Bytes of a large input."""

RUNNABLE = [name for name, target in TARGETS.items() if not target.program or shutil.which(target.program)]
"""Targets that can run on this machine."""


@pytest.mark.parametrize("name", RUNNABLE)
def test_properties_hold_for_any_input(name: str) -> None:
    target = TARGETS[name]
    for data in mutation.inputs(target, COUNT):
        try:
            target.run(data)
        except BaseException as error:
            error.add_note(f"{name}: the input was {data!r}")
            raise


@pytest.mark.parametrize("name", RUNNABLE)
def test_large_inputs_do_not_take_long(name: str) -> None:
    for data in large.inputs(TARGETS[name], LARGE):
        TARGETS[name].run(data)


def test_mutations_are_deterministic_and_differ_from_the_seeds() -> None:
    for target in TARGETS.values():
        inputs = list(mutation.inputs(target, 50))
        assert inputs == list(mutation.inputs(target, 50))
        assert len(set(inputs)) > len(target.seeds) + 25
        assert all(len(seed) <= MAX_BYTES for seed in target.seeds)


def test_a_fault_is_found() -> None:
    def faulty(data: bytes) -> None:
        assert b"\n\nid" not in data

    target = Target("faulty", "", "", faulty, [b"data: a\n\n", b"id: 7\n"])
    with pytest.raises(AssertionError):
        for data in mutation.inputs(target, 2000):
            target.run(data)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0abc", b"\1abc", b"\2abc", b"\1" + bytes(1000)])
def test_splitting_a_stream_loses_nothing(data: bytes) -> None:
    reads, stream = split(data)
    assert b"".join(reads) == stream == data[1:]
    assert (
        reads == list(split_at(stream, range(0, len(stream), len(reads[0]) if reads and reads[0] else 1))) or not stream
    )


def test_the_page_has_every_target_and_finding() -> None:
    page = PAGE.read_text("utf-8")
    for target in TARGETS.values():
        assert f"| `{target.name}` | {target.reads} | {target.checks} |" in page
    for finding in FINDINGS:
        assert finding.target in TARGETS
        assert f"| `{finding.target}` | {finding.input} | {finding.bug} | `{finding.test}` |" in page
        file, _, name = finding.test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text("utf-8")
