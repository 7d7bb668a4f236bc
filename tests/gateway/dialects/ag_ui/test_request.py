"""The input of a run as a start."""

import orjson
import pytest

from gateway.dialects.ag_ui import AgUiDialect
from gateway.dialects.base import Call
from gateway.dialects.tanstack import TanStackDialect
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

BODY: JsonObject = {
    "threadId": "t",
    "runId": "r",
    "protocolVersion": "1.0",
    "state": {"a": 1},
    "messages": [{"id": "1", "role": "user", "content": "Hello"}],
    "tools": [],
    "context": [],
    "forwardedProps": {"model": "m", "temperature": 0.5, "theme": "dark"},
}


def call(**fields: object) -> Call:
    body = orjson.loads(orjson.dumps({**BODY, **fields}))
    return Call({name: value for name, value in body.items() if value is not None})


def test_what_a_client_sends() -> None:
    start = AgUiDialect().parse(call())
    assert start.stream
    assert start.alias == "t"
    assert start.request.model == "m"
    assert start.request.options.temperature == 0.5
    assert start.request.metadata == {"thread_id": "t", "run_id": "r"}
    assert [(message.role, message.content) for message in start.request.messages] == [("user", "Hello")]


def test_the_least_that_a_client_may_send() -> None:
    start = AgUiDialect().parse(call(state=None, tools=None, context=None, forwardedProps=None, protocolVersion=None))
    assert start.request.model is None
    assert start.request.options.tools is None


def test_clients_of_tanstack_come_back_by_the_run() -> None:
    assert TanStackDialect().parse(call(resume=[{"interruptId": "i", "status": "resolved"}])).alias == "r"


def test_the_context_follows_the_instructions() -> None:
    messages = [{"id": "0", "role": "system", "content": "Be brief."}, {"id": "1", "role": "user", "content": "Hello"}]
    context = [{"description": "Name of the user", "value": "An"}, {"description": "Page", "value": "/cart"}]
    start = AgUiDialect().parse(call(messages=messages, context=context))
    assert [message.role for message in start.request.messages] == ["system", "system", "user"]
    assert start.request.messages[1].content == (
        "Context that the application provides:\n\nName of the user:\nAn\n\nPage:\n/cart"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threadId": None}, "threadId: must be a string of 1 to 256 characters."),
        ({"runId": ""}, "runId: must be a string of 1 to 256 characters."),
        ({"runId": "x" * 257}, "runId: must be a string of 1 to 256 characters."),
        ({"parentRunId": 5}, "parentRunId: must be a string of 1 to 256 characters."),
        ({"messages": None}, "messages: must be a list."),
        ({"messages": []}, "messages: must contain a message."),
        ({"messages": ["x"]}, "messages[0]: must be an object."),
        ({"context": [{"value": "x"}]}, "context[0].description: must be a string."),
        ({"forwardedProps": []}, "forwardedProps: must be an object."),
        ({"resume": [{}]}, "resume: answers an interrupt, and no run here waits for one: leave it out."),
    ],
)
def test_what_is_refused(fields: JsonObject, message: str) -> None:
    with pytest.raises(Refused) as refused:
        AgUiDialect().parse(call(**fields))
    assert refused.value.message == message
    assert refused.value.status == 400
