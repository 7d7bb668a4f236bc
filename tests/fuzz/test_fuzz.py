"""Every target, with its seeds, inputs made of them, and long rows: less than `make fuzz`, and always the same."""

import shutil

import pytest

from tests.fuzz import large, mutation
from tests.fuzz.found import FOUND
from tests.fuzz.page import PAGE
from tests.fuzz.table import TARGETS
from tests.fuzz.target import LONGEST, Target, cut
from tests.gateway.upstreams.parts import pieces

COUNT = 100
"""Inputs made by chance."""

LONG = 16_384
"""Bytes of a long row."""


HERE = [name for name, target in TARGETS.items() if not target.program or shutil.which(target.program)]
"""Those that can be run on this machine."""


@pytest.mark.parametrize("name", HERE)
def test_whatever_comes_it_holds(name: str) -> None:
    target = TARGETS[name]
    for data in mutation.inputs(target, COUNT):
        try:
            target.run(data)
        except BaseException as error:
            error.add_note(f"{name} was given {data!r}")
            raise


@pytest.mark.parametrize("name", HERE)
def test_long_rows_do_not_take_long(name: str) -> None:
    for data in large.inputs(TARGETS[name], LONG):
        TARGETS[name].run(data)


def test_inputs_are_the_same_each_time_and_not_the_seeds_alone() -> None:
    for target in TARGETS.values():
        made = list(mutation.inputs(target, 50))
        assert made == list(mutation.inputs(target, 50))
        assert len(set(made)) > len(target.seeds) + 25
        assert all(len(seed) <= LONGEST for seed in target.seeds)


def test_a_fault_is_found() -> None:
    def faulty(data: bytes) -> None:
        assert b"\n\nid" not in data

    target = Target("faulty", "", "", faulty, [b"data: a\n\n", b"id: 7\n"])
    with pytest.raises(AssertionError):
        for data in mutation.inputs(target, 2000):
            target.run(data)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0abc", b"\1abc", b"\2abc", b"\1" + bytes(1000)])
def test_a_stream_is_cut_and_nothing_of_it_is_lost(data: bytes) -> None:
    reads, stream = cut(data)
    assert b"".join(reads) == stream == data[1:]
    assert (
        reads == list(pieces(stream, range(0, len(stream), len(reads[0]) if reads and reads[0] else 1))) or not stream
    )


def test_the_page_has_every_target_and_all_that_was_found() -> None:
    page = PAGE.read_text("utf-8")
    for target in TARGETS.values():
        assert f"| `{target.name}` | {target.eats} | {target.holds} |" in page
    for one in FOUND:
        assert one.target in TARGETS
        assert f"| `{one.target}` | {one.came} | {one.wrong} | `{one.test}` |" in page
        file, _, name = one.test.partition("::")
        assert f"def {name}(" in (PAGE.parents[1] / file).read_text("utf-8")
