"""Recorded answers in other APIs than the provider's: streamed as whole, and what the provider said.

In its own API a provider's answer is passed on as it came, oddities included; see `test_generated_answers.py`.
"""

import re

import pytest

from tests.gateway.dialects.accumulators import FOLD, READ, Got, json_or_text
from tests.gateway.dialects.pairs import NAMES, document_of, is_verbatim, project, start_of
from tests.gateway.dialects.recording import record
from tests.gateway.upstreams.transcripts.case import FORMATS, Api, Case
from tests.gateway.upstreams.transcripts.table import CASES

TRANSLATED = [(dialect, api) for dialect in NAMES for api in FORMATS if not is_verbatim(start_of(dialect), api)]

MEDIUM = re.compile(r"!\[\w+\]\([^)]*\)")
"""What an API has no place for is linked in its text."""


@pytest.mark.parametrize(("dialect", "api"), TRANSLATED)
async def test_transcripts(dialect: str, api: Api) -> None:
    for case in (case for case in CASES if case.is_stream and case.code is None and case.api == api):
        streamed, whole = start_of(dialect), start_of(dialect, stream=False)
        events, is_cut = project(dialect, streamed, await record(FORMATS[api](), case.bytes, streamed))
        assert not is_cut
        got = FOLD[dialect](events)
        document = document_of(dialect, whole, await record(FORMATS[api](), case.bytes, whole))
        assert READ[dialect](document) == got, case.file
        check(dialect, case, got)


def check(dialect: str, case: Case, got: Got) -> None:
    """Check the content against what the case says."""
    assert MEDIUM.sub("", got.text + got.refusal) == case.text, case.file
    # A summary of several parts may be one text, with empty lines in it.
    assert got.reasoning.replace("\n\n", "") == case.reasoning.replace("\n\n", ""), case.file
    calls = [(call_id or "", name, json_or_text(text)) for call_id, name, text in case.calls]
    if dialect == "gemini":
        # Its calls are whole: one that an answer ended inside of is left out.
        calls = [call for call in calls if isinstance(call[2], dict)]
    assert [(call_id, name, json_or_text(text)) for call_id, name, text in got.calls] == calls, case.file
