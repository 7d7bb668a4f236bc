"""Read a `RunAgentInput` (docs.ag-ui.com/spec/1.0). Pure.

The model and its options stand in `forwardedProps`, which the protocol leaves to the agent. `state` belongs to agents
that keep one: it has no effect here, and stays what it is in the client.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.dialects.ag_ui.conversation import Conversation
from gateway.dialects.ag_ui.options import read_options
from gateway.dialects.base import Call, DialectStart
from gateway.dialects.fields import malformed, objects_at
from gateway.protocol.commands import JsonObject, StartRequest, parse

MAX_ID_LENGTH: Final = 256
"""Maximum characters of the id of a thread or of a run."""


def parse_call(call: Call, alias: str) -> DialectStart:
    """Return the start that a request asks for; `alias` is the field by whose id its client comes back to the run.

    `resume` is not read: the result of a call, for which TanStack AI has an interrupt, is among the messages.

    Raises:
        Refused: it is not valid.
    """
    body = call.body
    thread_id, run_id = id_at(body, "threadId"), id_at(body, "runId")
    if body.get("parentRunId") is not None:
        id_at(body, "parentRunId")
    conversation = Conversation()
    conversation.add_messages(objects_at(body.get("messages"), "messages"))
    conversation.add_context(objects_at(body.get("context") or [], "context"))
    if not conversation.messages:
        raise malformed("messages", "must contain a message")
    start: JsonObject = {
        "messages": [*conversation.messages],
        "metadata": {"thread_id": thread_id, "run_id": run_id},
        **read_options(body),
    }
    request = parse(StartRequest, start)
    return DialectStart(request, stream=True, call=call, alias=thread_id if alias == "threadId" else run_id)


def id_at(body: Mapping[str, JsonValue], name: str) -> str:
    """Return the id of a thread or of a run.

    Raises:
        Refused: it is none.
    """
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_LENGTH:
        raise malformed(name, f"must be a string of 1 to {MAX_ID_LENGTH} characters")
    return value
