"""Parts of an answer that are neither text nor calls, as blocks of a message. Pure."""

from collections.abc import Mapping
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.dialects.anthropic.writer import EventWriter
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part
from gateway.upstreams.formats.anthropic_blocks import FORMAT
from gateway.upstreams.formats.sealed_reasoning import seal, seal_redacted

SERVER_TOOL_BLOCKS: Final = frozenset(
    {
        *("server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
        *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result"),
        *("mcp_tool_use", "mcp_tool_result", "container_upload", "compaction"),
    }
)
"""Blocks of what Anthropic's servers ran. Those of other providers mean nothing to its clients, and are left out."""

_WITH_INPUT: Final = frozenset({"server_tool_use", "mcp_tool_use"})


def write_part(writer: EventWriter, part: Part) -> None:
    """Write a part as blocks; one that this API has no word for is left out (audio)."""
    fields = part.fields
    match part.kind:
        case "citation":
            writer.delta(writer.enter("text"), {"type": "citations_delta", "citation": _citation(fields)})
        case "redacted_reasoning":
            writer.whole_block({"type": "redacted_thinking", "data": _redacted(fields)})
        case "image" | "file":
            kind = "image" if part.kind == "image" else "document"
            writer.whole_block({"type": kind, "source": _source(fields)})
        case "server_tool":
            block = fields.get("block")
            if isinstance(block, dict) and block.get("type") in SERVER_TOOL_BLOCKS:
                _write_block(writer, block)


def signature_of(signature: str, wire_format: str) -> str:
    """Return the signature of reasoning as clients give it back: Anthropic's own as it is, or a sealed one."""
    return signature if wire_format == FORMAT else seal({"format": wire_format, "signature": signature})


def _redacted(fields: Mapping[str, JsonValue]) -> str:
    return str(fields.get("data")) if fields.get("format") == FORMAT else seal_redacted(fields)


def _citation(fields: Mapping[str, JsonValue]) -> JsonObject:
    """Return a citation: Anthropic's own as it came, or one of a web page, or of a source that has no address.

    The fields by which Anthropic finds the place again have no counterpart.
    """
    source = fields.get("source")
    if fields.get("format") == FORMAT and isinstance(source, dict):
        return source
    text: JsonObject = {"cited_text": fields.get("text") or "", "title": fields.get("title")}
    if url := fields.get("url"):
        return {"type": "web_search_result_location", "url": url, "encrypted_index": "", **text}
    place: JsonObject = {"search_result_index": 0, "start_block_index": 0, "end_block_index": 0}
    return {"type": "search_result_location", "source": fields.get("title") or "", **place, **text}


def _source(fields: Mapping[str, JsonValue]) -> JsonObject:
    if url := fields.get("url"):
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": fields.get("media_type"), "data": fields.get("data")}


def _write_block(writer: EventWriter, block: JsonObject) -> None:
    """Write a block of a server tool; an input comes in a delta, as it does from Anthropic itself."""
    if block.get("type") not in _WITH_INPUT or not block.get("input"):
        writer.whole_block(block)
        return
    index = writer.open_block({**block, "input": {}})
    partial = orjson.dumps(block["input"]).decode()
    writer.delta(index, {"type": "input_json_delta", "partial_json": partial})
    writer.close(index)
