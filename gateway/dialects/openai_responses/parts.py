"""Parts of an answer that say more of its text, in the form of the Responses API. Pure.

Source: platform.openai.com/docs/api-reference/responses/object, `annotations` and `logprobs`.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of, objects_of
from gateway.upstreams.formats.openai_responses_items import FORMAT

_UNLIKELY: Final = -9999.0


def annotation_of(citation: Mapping[str, JsonValue]) -> JsonObject | None:
    """Return a citation as an annotation, with the place that OpenAI's APIs name; None if it names no source."""
    source = object_of(citation.get("source"))
    if citation.get("format") == FORMAT and isinstance(source.get("type"), str):
        return source
    url, title = citation.get("url"), citation.get("title")
    if url:
        inner = object_of(source.get("url_citation"))
        places: JsonObject = {name: inner[name] for name in ("start_index", "end_index") if name in inner}
        return {"type": "url_citation", "url": url, "title": title or "", **places}
    return {"type": "file_citation", "file_id": "", "filename": title, "index": 0} if title else None


def logprobs_of(tokens: JsonValue) -> list[object]:
    """Return the log probabilities of tokens; where none is known, OpenAI's number for an unlikely token."""
    return [{**token, "logprob": _UNLIKELY} if token.get("logprob") is None else token for token in objects_of(tokens)]
