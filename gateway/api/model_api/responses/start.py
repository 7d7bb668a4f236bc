"""Resolve what a request refers to: the response before it, and items of earlier responses.

A provider gets the whole conversation, so that any provider can continue it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.api.model_api.responses.lookup import Asker, Lookup
from gateway.api.model_api.responses.replay import output_items
from gateway.api.model_api.responses.store import Conversation, Items, StoredResponse, decode
from gateway.dialects.base import Call, DialectStart
from gateway.dialects.openai_responses.conversation import input_items
from gateway.dialects.openai_responses.request import parse_call
from gateway.dialects.openai_responses.tool_names import tool_items
from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject
from gateway.protocol.encoding import encode_kept
from gateway.protocol.errors import Refused, invalid

MAX_SEARCHED: Final = 100
"""Number of an owner's newest responses in which a referenced item is looked for."""

_WITHOUT_IDS: Final = frozenset({"message", "function_call", "custom_tool_call"})
"""Types of items that providers read without the id, which another provider may have given."""


@dataclass(frozen=True, slots=True)
class ResponseStart(DialectStart):
    """A request that is ready to start, and what is stored of it."""

    input: Conversation = ()
    """All that the answer follows; see `StoredResponse.input`."""

    @property
    def store(self) -> bool:
        """Return True if each request of its owner can refer to the response."""
        return self.call.body.get("store") is not False

    @property
    def background(self) -> bool:
        """Return True if the response goes on without its client."""
        return self.call.body.get("background") is True

    def stored(
        self, response_id: str, asker: Asker, model: str, created: int, generation: Generation | None
    ) -> StoredResponse:
        """Return the response as it is stored, for the connection alone if the request says so."""
        # Of the input only what announces tools is needed to read the log again.
        whole = self.call.body if self.verbatim is None else self.verbatim.body
        body = {**self.call.body, "input": tool_items(whole)}
        scope = None if self.store else asker.scope
        return StoredResponse(
            *(response_id, asker.owner, encode_kept(body), self.input, created, model, generation), scope
        )


async def prepare(stored: Lookup, call: Call, asker: Asker) -> ResponseStart:
    """Read a request with all that it refers to.

    Raises:
        Refused: it is not valid, or refers to what is not stored.
    """
    body = call.body
    _check_fields(body)
    before = await _conversation_before(stored, body.get("previous_response_id"), asker)
    given = body.get("input")
    new = [] if given is None and before else await _resolve_references(stored, input_items(given), asker)
    start = parse_call(call, [*map(_as_input, decode(before)), *new])
    conversation = (*before, Items(new)) if new else before
    prepared = ResponseStart(start.request, start.stream, call, start.verbatim, conversation)
    if prepared.background and not prepared.store:
        message = "background: a response that is not stored can't be retrieved: leave store out, or set it to true."
        raise invalid(message, param="background")
    return prepared


def _check_fields(body: JsonObject) -> None:
    if body.get("conversation") is not None:
        message = "conversation: this gateway keeps no conversations: send previous_response_id, or all items as input."
        raise invalid(message, param="conversation")


def previous_not_found(response_id: object) -> Refused:
    """Return the refusal of a request that goes on from an unknown response; clients send all items again then."""
    message = f"Previous response with id {str(response_id)[:100]!r} not found."
    refused = invalid(message, param="previous_response_id", status=400)
    refused.api_code = "previous_response_not_found"
    return refused


async def _conversation_before(stored: Lookup, previous_id: object, asker: Asker) -> Conversation:
    if previous_id is None:
        return ()
    previous = await stored.find(previous_id, asker) if isinstance(previous_id, str) else None
    if previous is None:
        raise previous_not_found(previous_id)
    if previous.is_running:
        await stored.wait_for_end(previous)
    if previous.is_running:
        message = f"The response {previous.id!r} is still in progress: wait for its end, or cancel it."
        raise invalid(message, param="previous_response_id")
    output = previous.output or Items(output_items(previous))
    return (*previous.input, output)


def _as_input(item: JsonObject) -> JsonObject:
    if item.get("type", "message") not in _WITHOUT_IDS:
        return item
    return {name: value for name, value in item.items() if name not in {"id", "status"}}


async def _resolve_references(stored: Lookup, items: Sequence[JsonObject], asker: Asker) -> list[JsonObject]:
    """Return items with those that they refer to in place of the references (`item_reference`)."""
    wanted = {at: _wanted_id(item, f"input[{at}]") for at, item in enumerate(items) if _is_reference(item)}
    if not wanted:
        return [*items]
    found = await _find_items(stored, {*wanted.values()}, asker)
    return [_as_input(_referenced(found, wanted[at])) if at in wanted else item for at, item in enumerate(items)]


def _is_reference(item: JsonObject) -> bool:
    return item.get("type") == "item_reference" or ("id" in item and item.get("type") is None and len(item) <= 2)


def _wanted_id(item: JsonObject, path: str) -> str:
    item_id = item.get("id")
    if not isinstance(item_id, str):
        message = f"{path}.id: must be the id of an item."
        raise invalid(message, param=f"{path}.id")
    return item_id


async def _find_items(stored: Lookup, wanted: set[str], asker: Asker) -> Mapping[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    async for response in stored.newest_first(asker, MAX_SEARCHED):
        for item in (*decode(response.input[-1:]), *output_items(response)):
            if (item_id := str(item.get("id"))) in wanted:
                found.setdefault(item_id, item)
        if len(found) == len(wanted):
            break
    return found


def _referenced(found: Mapping[str, JsonObject], item_id: str) -> JsonObject:
    item = found.get(item_id)
    if item is None:
        message = f"Item with id {item_id[:100]!r} not found: send the item itself."
        raise invalid(message, param="input", status=404)
    return item
