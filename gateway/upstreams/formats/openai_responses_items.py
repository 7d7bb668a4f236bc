"""Read the items of OpenAI's Responses API that are complete: the texts of messages and reasoning, and parts. Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part
from gateway.upstreams.formats.json_values import list_of, objects_of, text_of
from gateway.upstreams.formats.parts import media_part, server_tool_part, unsupported_content

FORMAT = "openai-responses"
"""Name of this format in redacted reasoning and citations."""

_ITEM_PARTS: Mapping[str, str] = {
    "output_text": "text",
    "text": "text",
    "refusal": "refusal",
    "output_audio": "transcript",
}
"""Names of the texts in the content of a message, by the type of the part."""

_CLIENT_CALLS = frozenset(
    {"computer_call", "local_shell_call", "shell_call", "apply_patch_call", "mcp_approval_request"}
)
"""Types of items that ask the client to do something for which our protocol has no event."""


def texts_of(item: JsonObject) -> dict[str, list[str]]:
    """Return the texts of a message or of reasoning by their names, in the order in which they are shown.

    Raises:
        Failed: `unsupported_content`.
    """
    texts: dict[str, list[str]] = {"summary": [], "reasoning": [], "text": [], "refusal": [], "transcript": []}
    texts["summary"] = [text for part in objects_of(item.get("summary")) if (text := text_of(part.get("text")))]
    for part in objects_of(item.get("content")):
        name = _part_name(part)
        text = text_of(part.get("refusal") or part.get("transcript") or part.get("text"))
        if name is not None and text:
            texts[name].append(text)
    return texts


def logprobs_of(item: JsonObject, start: int) -> list[JsonValue]:
    """Return the log probabilities of all texts of a message from the part `start` on, as counted by `texts_of`."""
    parts = [part for part in objects_of(item.get("content")) if _part_name(part) == "text" and part.get("text")]
    return [token for part in parts[start:] for token in list_of(part.get("logprobs"))]


def _part_name(part: JsonObject) -> str | None:
    """Return the name of the text in a part of a message or of reasoning.

    Raises:
        Failed: `unsupported_content`, if it is a part of an unknown kind, and not empty.
    """
    kind = text_of(part.get("type"))
    if kind is None or media_of(part):
        return _ITEM_PARTS.get(kind or "")
    if kind in {"reasoning_text", "summary_text"}:
        return "reasoning"
    if kind not in _ITEM_PARTS:
        raise unsupported_content(kind)
    return _ITEM_PARTS[kind]


def media_of(part: JsonObject) -> Part | None:
    """Return the audio or the image in a part of a message."""
    match part:
        case {"type": "output_audio", "data": str() as data}:
            return media_part(None, data=data, kind="audio")
        case {"type": "output_image" | "image", **fields}:
            return media_part(None, url=fields.get("image_url") or fields.get("url"), kind="image")
    return None


def part_of_item(kind: str, item: JsonObject) -> Part:
    """Return an item that is neither text nor a call for the client.

    Raises:
        Failed: `unsupported_content`, if the client would have to act.
    """
    if kind in _CLIENT_CALLS:
        raise unsupported_content(kind)
    if kind == "image_generation_call":
        image = media_part(f"image/{item.get('output_format') or 'png'}", data=item.get("result"))
        if image is not None:
            return image
    return server_tool_part(text_of(item.get("name")) or kind, item)
