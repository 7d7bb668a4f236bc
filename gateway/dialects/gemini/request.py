"""Read a request of `generateContent` or `streamGenerateContent`. Pure.

Source: ai.google.dev/api/generate-content. A provider with this API gets the body as it came. For the others it is
converted; what has no counterpart is left out where it does not change the answer, and else refused by its name when
such a provider is to be called (`VerbatimRequest.only`).
"""

from collections.abc import Sequence
from typing import Final

from gateway.dialects.base import Call, DialectStart
from gateway.dialects.fields import malformed, only_own_api
from gateway.dialects.gemini.conversation import Conversation
from gateway.dialects.gemini.fields import Fields
from gateway.dialects.gemini.options import SAME, read_options
from gateway.dialects.gemini.tools import read_tools
from gateway.protocol.commands import MAX_METADATA_ENTRIES, JsonObject, Message, StartRequest, parse
from gateway.protocol.errors import Refused
from gateway.upstreams.base import VerbatimRequest

API: Final = "gemini"

_HARMLESS: Final = frozenset({"safetySettings", "model", "store", "serviceTier"})
"""Fields without a counterpart that do not change the answer. The model's name in the path counts."""

_PATHS: Final = {ours: f"generationConfig.{theirs}" for theirs, ours in SAME.items()}


def parse_call(call: Call) -> DialectStart:
    """Return the start that a request asks for.

    Raises:
        Refused: it is not valid.
    """
    is_stream = call.route.endswith(":streamGenerateContent")
    is_array = _is_array(call, is_stream=is_stream)
    untranslated: list[str] = []
    taken = convert(call.body, untranslated)
    taken["model"] = call.path["model"]
    verbatim = VerbatimRequest(API, call.body, {}, only_own_api(untranslated))
    return DialectStart(_start(taken), is_stream, call, verbatim, framing="json_array" if is_array else "event_stream")


def convert(body: JsonObject, untranslated: list[str]) -> JsonObject:
    """Return the fields of a start; add the paths of what has no counterpart to `untranslated`.

    Raises:
        Refused: the body is not valid.
    """
    fields, conversation = Fields.of(body, ""), Conversation(untranslated)
    if (system := fields.take("systemInstruction")) is not None:
        conversation.add_system(system)
    for content in fields.messages("contents"):
        conversation.add(content)
    if all(message["role"] == "system" for message in conversation.messages):
        raise malformed("contents", "must have a part with content")
    taken: JsonObject = {"messages": [*conversation.messages], **read_tools(fields, untranslated)}
    if (config := fields.message("generationConfig")) is not None:
        taken |= read_options(config, untranslated)
    labels = fields.take("labels")
    if isinstance(labels, dict) and len(labels) <= MAX_METADATA_ENTRIES:
        taken["metadata"] = labels
    fields.taken |= _HARMLESS
    untranslated += fields.rest()
    return taken


def read_messages(body: JsonObject) -> Sequence[Message]:
    """Return the messages of a request alone.

    Raises:
        Refused: the body is not valid.
    """
    return parse(StartRequest, {"messages": convert(body, [])["messages"]}).messages


def _start(taken: JsonObject) -> StartRequest:
    """Parse a start; a refusal names the field of the client's request."""
    try:
        return parse(StartRequest, taken)
    except Refused as refused:
        name = refused.param or ""
        theirs = _PATHS.get(name) or name.replace("metadata", "labels", 1)
        refused.param, refused.message = theirs or None, refused.message.replace(name, theirs, 1)
        raise


def _is_array(call: Call, *, is_stream: bool) -> bool:
    """Return True if a streamed response is to be a JSON array, which is Google's default.

    Raises:
        Refused: the response is asked for in a form that is not spoken here.
    """
    form = call.query.get("alt") or call.query.get("$alt") or "json"
    if form not in ({"json", "sse"} if is_stream else {"json"}):
        raise malformed("alt", f"must be json{' or sse' if is_stream else ''} here")
    for name in ("fields", "$fields"):
        if call.query.get(name, "*") != "*":
            raise malformed(name, "responses are sent whole: leave it out")
    return is_stream and form == "json"
