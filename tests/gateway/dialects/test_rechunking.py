"""However a provider's bytes are cut, and however late its log is read, the projection of each dialect is the same."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from gateway.generation.event_log import Entry
from tests.gateway.dialects.pairs import NAMES, NUMBERED, is_verbatim, joined, project, start_of, verbatim_start
from tests.gateway.dialects.recording import ReadPlan, record
from tests.gateway.upstreams.transcripts.case import FORMATS, Api, Case
from tests.gateway.upstreams.transcripts.table import CASES

STREAMS = {(case.api, case.file): case for case in CASES if case.is_stream}
PAIRS = [(dialect, api) for dialect in NAMES for api in FORMATS]

LATE = (
    ReadPlan(plan=(False,)),
    ReadPlan(plan=(False,), joined=True),
    ReadPlan(plan=(False,), compacted=True, joined=True),
    ReadPlan(max_entries=2),
    ReadPlan(max_entries=2, plan=(True, False, False), joined=True),
)
"""Readers that find several entries at once."""


def single(entries: Sequence[Entry]) -> list[tuple[object, ...]]:
    """Return the events of a log one by one, whatever was joined: number, kind, text or JSON, verbatim data."""
    found: list[tuple[object, ...]] = []
    for entry in entries:
        count = entry.last - entry.first + 1
        lines = entry.verbatim.split(b"\n") if entry.verbatim is not None else [None] * count
        assert len(lines) == count
        texts: Sequence[object] = (
            [entry.text[start:end] for start, end in pairwise((0, *entry.ends))] if entry.ends else [entry.data]
        )
        if count == 1 and entry.head:
            texts = [entry.text]
        assert len(texts) == count
        found += [
            (entry.first + at, entry.kind, text, line or None)
            for at, (text, line) in enumerate(zip(texts, lines, strict=True))
        ]
    return found


@pytest.mark.parametrize("case", STREAMS.values(), ids=lambda case: f"{case.api}-{case.file}")
async def test_every_cut_brings_the_same_log(case: Case) -> None:
    """What no dialect can tell stride: with it, the property of a dialect need not be tested at every cut."""
    start, wire_format = verbatim_start(case.api), FORMATS[case.api]()
    whole = single(await record(wire_format, case.bytes, start))
    every = range(1, len(case.bytes))
    # A few cuts at a time: each position is cut once, in a quarter of the time.
    stride = -(-len(every) // 4)
    for at in every[:stride]:
        assert single(await record(wire_format, case.bytes, start, ReadPlan(tuple(every[at - 1 :: stride])))) == whole
    assert single(await record(wire_format, case.bytes, start, ReadPlan(tuple(every), 2))) == whole


@pytest.mark.parametrize(("dialect", "api"), PAIRS)
async def test_late_readers_of_transcripts(dialect: str, api: Api) -> None:
    start = start_of(dialect)
    for case in (case for case in STREAMS.values() if case.api == api):
        stream = case.bytes
        every = tuple(range(1, len(stream)))
        events, is_cut = project(dialect, start, await record(FORMATS[api](), stream, start))
        for read_plan in (ReadPlan(every), *LATE, ReadPlan(every, 2, (True, False), joined=True)):
            again, is_cut_again = project(dialect, start, await record(FORMATS[api](), stream, start, read_plan))
            if dialect in NUMBERED or is_verbatim(start, api):
                assert again == events, (case.file, read_plan)
            else:
                assert joined(again) == joined(events), (case.file, read_plan)
            assert is_cut_again == is_cut
