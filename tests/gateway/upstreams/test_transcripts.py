"""Every transcript, split at every position, must bring the same: what its case says (docs/reference/providers.md)."""

import pytest

from tests.gateway.upstreams.raw_server import KEY
from tests.gateway.upstreams.replay import replay_with_failure
from tests.gateway.upstreams.transcripts.case import FOLDER, FORMATS, Case, Received
from tests.gateway.upstreams.transcripts.table import BEGIN, CASES, END, PAGE, table

STREAMS = [case for case in CASES if case.is_stream]


def named(case: Case) -> str:
    return f"{case.api}-{case.file}"


async def received(case: Case, reads: list[bytes]) -> Received:
    events, failure = await replay_with_failure(reads, FORMATS[case.api]().reader(KEY))
    return Received.of(events, failure)


@pytest.mark.parametrize("case", STREAMS, ids=named)
async def test_a_transcript_in_one_read(case: Case) -> None:
    whole = await received(case, [case.bytes])
    case.check(whole)
    case.check_failure(whole)


@pytest.mark.parametrize("case", STREAMS, ids=named)
async def test_a_transcript_split_at_every_position(case: Case) -> None:
    stream = case.bytes
    for at in range(1, len(stream)):
        case.check(await received(case, [stream[:at], stream[at:]]))
    case.check(await received(case, [stream[at : at + 1] for at in range(len(stream))]))
    events = [event + b"\n\n" for event in stream.split(b"\n\n") if event]
    case.check(await received(case, events))


def test_every_file_has_its_case() -> None:
    files = {f"{file.parent.name}/{file.name}" for kind in ("*/*.sse", "*/*.http") for file in FOLDER.glob(kind)}
    assert files == {f"{case.api}/{case.file}" for case in CASES}
    assert len(CASES) == len(files)


def test_the_page_has_the_table() -> None:
    """`python -m tests.gateway.upstreams.transcripts.table` writes it."""
    assert BEGIN + table() + END in PAGE.read_text("utf-8")
