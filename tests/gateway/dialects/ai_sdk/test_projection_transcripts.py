"""What real providers have sent, as UI message streams."""

import pytest

from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.protocol.events import Chunk, Reasoning, SignedReasoning
from tests.gateway.dialects.ai_sdk.requests import parsed, user
from tests.gateway.dialects.ai_sdk.streams import IDENTITY, chunks_of, message_of
from tests.gateway.dialects.recording import ReadPlan, record
from tests.gateway.upstreams.transcripts.case import FORMATS, Case
from tests.gateway.upstreams.transcripts.table import CASES

STREAMS = {(case.api, case.file): case for case in CASES if case.is_stream}


@pytest.mark.parametrize("case", STREAMS.values(), ids=lambda case: f"{case.api}-{case.file}")
@pytest.mark.parametrize("read_plan", [ReadPlan(), ReadPlan(max_entries=2, plan=(False,), joined=True)])
async def test_any_answer_is_a_message(case: Case, read_plan: ReadPlan) -> None:
    entries = await record(FORMATS[case.api](), case.bytes, parsed(user("Hello")), read_plan)
    projection = AiSdkProjection(IDENTITY, "msg_1")
    found = message_of(chunks_of([event for entry in entries for event in projection.project(entry)]))
    events = [entry.event for entry in entries]
    assert found.text == "".join(event.content for event in events if isinstance(event, Chunk))
    thought = [event.content for event in events if isinstance(event, Reasoning | SignedReasoning)]
    assert found.reasoning == "".join(thought)
    assert found.finish_reason is not None
