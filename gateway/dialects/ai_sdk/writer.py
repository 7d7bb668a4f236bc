"""Build the chunks of a UI message stream. Pure.

Source: ai-sdk.dev/docs/ai-sdk-ui/stream-protocol, "Data Stream Protocol". The SDK validates each chunk: one of an
unknown type ends the whole stream. What the protocol has no chunk for is a `data-*` part, valid in every version.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Final, Literal

import orjson
from pydantic import JsonValue

from gateway.dialects.base import ProjectedEvent

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DONE: Final = ProjectedEvent(b"[DONE]")
"""The last data of a response over HTTP."""

OWN: Final = "dualstream"
"""Name under which our own data stands, in `providerMetadata` and in the types of data parts."""

TextKind = Literal["text", "reasoning"]


def chunk(kind: str, **fields: JsonValue) -> ProjectedEvent:
    """Return a chunk; a field that is None is left out."""
    named = {name: value for name, value in fields.items() if value is not None}
    return ProjectedEvent(orjson.dumps({"type": kind, **named}))


def delta_prefix(kind: TextKind, part_id: str) -> bytes:
    """Return what stands before the JSON string of a piece of text; behind it is one brace."""
    return orjson.dumps({"type": f"{kind}-delta", "id": part_id})[:-1] + b',"delta":'


def signal(name: str, data: Mapping[str, JsonValue]) -> ProjectedEvent:
    """Return a data part that is no part of the message: the application gets it in `onData`."""
    return chunk(f"data-{OWN}-{name}", data=dict(data), transient=True)


def camel_case_fields(event: "DataclassInstance") -> dict[str, JsonValue]:
    """Return the fields of an event under names as TypeScript has them."""
    return {re.sub("_(.)", lambda at: at[1].upper(), each.name): getattr(event, each.name) for each in fields(event)}


def own_metadata(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return our own `providerMetadata`, which the SDK keeps beside a part and sends back with it."""
    return {OWN: {name: value for name, value in fields.items() if value is not None}}
