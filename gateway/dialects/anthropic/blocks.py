"""Blocks of a request's content in OpenAI's form. Pure.

Sources: docs.anthropic.com, "Vision", "PDF support", "Citations", "Search results".
"""

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from gateway.dialects.anthropic.parts import SERVER_TOOL_BLOCKS
from gateway.dialects.fields import malformed, named, objects_at, text_at
from gateway.protocol.commands import JsonObject

_LEFT_OUT: Final = SERVER_TOOL_BLOCKS - {"container_upload"} | {"tool_reference"}
"""Blocks that mean nothing to other providers: what Anthropic's servers ran, and references to deferred tools."""


def content_of(content: JsonValue, path: str, untranslated: list[str]) -> list[JsonObject]:
    """Return the parts of a content: a text, or blocks. Empty text is left out.

    Raises:
        Refused: it has another form.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = objects_at(content, path)
    return [part for at, block in enumerate(blocks) for part in _parts(block, f"{path}[{at}]", untranslated)]


def text_or_parts(parts: Sequence[JsonObject], separator: str = "\n\n") -> JsonValue:
    """Return parts as a content: a text alone if they are nothing else, which every server takes."""
    if all(part["type"] == "text" for part in parts):
        return separator.join(str(part["text"]) for part in parts)
    return [*parts]


def _parts(block: JsonObject, path: str, untranslated: list[str]) -> Sequence[JsonObject]:
    match block.get("type"):
        case "text":
            text = text_at(block.get("text"), f"{path}.text")
            return [{"type": "text", "text": text}] if text else []
        case "image":
            return _image(block.get("source"), f"{path}.source", untranslated)
        case "document":
            return _document(block, f"{path}.source", untranslated)
        case "search_result":
            head: JsonObject = {"type": "text", "text": f"{block.get('title')} ({block.get('source')})"}
            return [head, *content_of(block.get("content"), f"{path}.content", untranslated)]
        case str() as kind if kind in _LEFT_OUT:
            return []
        case str() as kind:
            untranslated.append(named(path, kind))
            return []
    raise malformed(f"{path}.type", "must be a string, such as text")


def _image(source: JsonValue, path: str, untranslated: list[str]) -> Sequence[JsonObject]:
    url = _url(source, path, untranslated)
    return [{"type": "image_url", "image_url": {"url": url}}] if url else []


def _document(block: JsonObject, path: str, untranslated: list[str]) -> Sequence[JsonObject]:
    """Return a document: a file, or the text that it contains, after its title."""
    title = block.get("title")
    name = title if isinstance(title, str) else ""
    head: list[JsonObject] = [{"type": "text", "text": name}] if name else []
    match block.get("source"):
        case {"type": "text", "data": str() as text}:
            return [*head, {"type": "text", "text": text}]
        case {"type": "content", "content": content}:
            return [*head, *content_of(content, f"{path}.content", untranslated)]
        case source:
            url = _url(source, path, untranslated)
            file: JsonObject = {"filename": name or "document.pdf", "file_data": url}
            return [{"type": "file", "file": file}] if url else []


def _url(source: JsonValue, path: str, untranslated: list[str]) -> str:
    """Return the address of a source, or its data as a `data:` URL; "" for a file that Anthropic stores."""
    match source:
        case {"type": "base64", "media_type": str() as media_type, "data": str() as data}:
            return f"data:{media_type};base64,{data}"
        case {"type": "url", "url": str() as url}:
            return url
        case {"type": "file"}:
            untranslated.append(named(path, "file"))
            return ""
    raise malformed(path, "must be a source of type base64, url or file, with its data")
