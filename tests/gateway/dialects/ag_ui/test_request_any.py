"""Inputs of runs in which one value is another: they are refused, naming a field, or can be sent to every provider."""

from typing import Final

import pytest

from gateway.dialects.ag_ui import AgUiDialect
from gateway.dialects.base import Call
from gateway.dialects.tanstack import TanStackDialect
from gateway.dialects.tanstack.ui_messages import ui_messages
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused
from gateway.upstreams.formats.sealed_reasoning import seal, seal_call
from tests.gateway.dialects.ag_ui.runs import COMPLETE, IDENTITY, REVISION, START, log_of, project
from tests.gateway.dialects.test_mutated_requests import MISSING, OTHERS, changed, places, send
from tests.gateway.upstreams.transcripts.case import FORMATS

FUNCTION: Final[JsonObject] = {"name": "look", "arguments": "{}"}
CALL: Final[JsonObject] = {"id": "c", "type": "function", "function": FUNCTION, "encryptedValue": seal_call("c", "s")}
BODY: Final[JsonObject] = {
    "threadId": "t",
    "runId": "r",
    "parentRunId": "p",
    "messages": [
        {"id": "0", "role": "system", "content": "s"},
        {
            "id": "1",
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "data", "value": "AAAA", "mimeType": "image/png"}},
            ],
        },
        {
            "id": "2",
            "role": "reasoning",
            "content": "Hm.",
            "encryptedValue": seal({"format": "anthropic", "signature": "s"}),
        },
        {
            "id": "3",
            "role": "assistant",
            "content": "c",
            "toolCalls": [{**CALL, "encryptedValue": seal_call("c", "s")}],
        },
        {"id": "4", "role": "tool", "toolCallId": "c", "content": "21", "error": "e"},
        {"id": "5", "role": "user", "content": "And then?"},
    ],
    "tools": [{"name": "look", "description": "d", "parameters": {"type": "object", "properties": {}}}],
    "context": [{"description": "d", "value": "v"}],
    "forwardedProps": {"model": "m", "temperature": 0.5, "tool_choice": "auto", "max_tokens": 5},
}


def test_the_input_itself_can_be_sent() -> None:
    assert [*send(AgUiDialect().parse(Call(BODY)))] == []


@pytest.mark.parametrize("dialect", [AgUiDialect(), TanStackDialect()], ids=["ag_ui", "tanstack"])
def test_an_input_with_another_value_is_refused_or_sent(dialect: AgUiDialect | TanStackDialect) -> None:
    entries = log_of([START, REVISION, COMPLETE]).since(0)
    for path in places(BODY):
        for other in (*OTHERS, MISSING):
            body = changed(BODY, path, other)
            try:
                start = dialect.parse(Call(body))
            except Refused as refused:
                assert refused.param
                assert dialect.refusal(refused)["error"]
                continue
            assert {*send(start)} <= FORMATS.keys()
            assert project(dialect.projection(start, IDENTITY), entries)
            messages = body["messages"]
            assert isinstance(messages, list)
            ui_messages(messages)
