"""Descriptions of what is in an answer besides text: a terminal shows only text. Pure."""

from gateway.cli.chat.sanitize import safe_line
from gateway.protocol.events import Part


def describe_part(part: Part) -> str:
    """Return one line that says what arrived, and where it can be found; "" for what is only about the text."""
    fields = {name: safe_line(value) for name, value in part.fields.items() if isinstance(value, str) and value}
    match part.kind:
        case "citation":
            words = [fields[name] for name in ("title", "text", "url") if name in fields]
            return f"source: {', '.join(words) or 'not named'}"
        case "logprobs":
            return ""
        case "refusal":
            return "the model refuses"
        case "redacted_reasoning":
            return "reasoning that only the provider can read"
        case "server_tool":
            return f"the provider ran a tool: {fields.get('name', 'not named')}"
    data = part.fields.get("data")
    size = f"{len(data) * 3 // 4:,} bytes" if isinstance(data, str) else ""
    details = [detail for detail in (fields.get("media_type"), size, fields.get("url")) if detail]
    what = f"{safe_line(part.kind)} ({', '.join(details)})" if details else safe_line(part.kind)
    return f"{what}, which a terminal can't show"
