"""What the gateway asks of the dialect."""

import pytest

from gateway.dialects.ai_sdk import AiSdkDialect
from gateway.dialects.base import Call, Dialect, PlainRefusals, ResponseIdentity
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Chunk
from tests.gateway.dialects.ai_sdk.requests import user
from tests.gateway.dialects.ai_sdk.streams import COMPLETE, chunks_of, log_of, message_of

DIALECT: Dialect = AiSdkDialect()


@pytest.mark.parametrize(
    ("path", "owned"),
    [("/api/ai-sdk/chat", True), ("/api/ai-sdk/chat/a/stream", True), ("/api/ai-sdk/chats", False), ("/api/ws", False)],
)
def test_paths(path: str, owned: bool) -> None:
    assert DIALECT.owns(path, {}) is owned


def test_a_refusal_is_a_sentence_with_its_own_status() -> None:
    refused = Refused(Code.RATE_LIMIT, "Too many starts: wait.")
    assert isinstance(DIALECT, PlainRefusals)
    assert (DIALECT.refusal_text(refused), DIALECT.status(refused)) == ("Too many starts: wait.", 429)
    assert DIALECT.refusal(refused)["error"]


def test_a_response_to_a_request() -> None:
    start = DIALECT.parse(Call({"messages": [user("Hello")]}, headers={"x-ai-sdk-version": "6"}))
    projection = DIALECT.projection(start, ResponseIdentity("g_1", "m", 1))
    log = log_of([Chunk("a"), COMPLETE])
    found = message_of(chunks_of([event for entry in log.since(0) for event in projection.project(entry)]))
    assert (found.id, found.text) == ("msg_1", "a")


def test_a_version_that_is_none_is_refused_before_anything_starts() -> None:
    with pytest.raises(Refused):
        DIALECT.parse(Call({"messages": [user("Hello")]}, headers={"x-ai-sdk-version": "x"}))
