"""Parts of an answer that are not text, in the form of the Gemini API. Pure."""

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part
from gateway.upstreams.formats.json_values import objects_of


def media_part(part: Part) -> JsonObject | None:
    """Return an image, audio or a file as inline data, or as the address of a file; None for any other part."""
    kind, data, url = (part.fields.get(name) for name in ("media_type", "data", "url"))
    if part.kind not in {"image", "audio", "file"}:
        return None
    typed: JsonObject = {"mimeType": kind} if kind else {}
    if data:
        return {"inlineData": {**({"mimeType": "application/octet-stream"} | typed), "data": data}}
    return {"fileData": {**typed, "fileUri": url}} if url else None


def citation_chunk(citation: Part) -> JsonObject:
    """Return a source in the form of `GroundingChunk`."""
    fields = citation.fields
    source: JsonObject = {
        name: value for name, value in (("uri", fields.get("url")), ("title", fields.get("title"))) if value
    }
    if fields.get("text"):
        return {"retrievedContext": {**source, "text": fields["text"]}}
    return {"web": source}


def logprobs_result(part: Part) -> JsonObject:
    """Return log probabilities in the form of `LogprobsResult`."""
    tokens = objects_of(part.fields.get("tokens"))
    tops: list[JsonValue] = [
        {"candidates": [*map(_candidate, objects_of(token.get("top_logprobs")))]} for token in tokens
    ]
    chosen: list[JsonValue] = [*map(_candidate, tokens)]
    return {"topCandidates": tops, "chosenCandidates": chosen}


def _candidate(token: JsonObject) -> JsonObject:
    return {"token": token.get("token"), "logProbability": token.get("logprob")}
