"""docs/reference/events.md: a sample of every event as each transport sends it, encoded by the gateway's own code."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import orjson

from gateway.protocol.event_stream import event_frame
from gateway.protocol.events import (
    TERMINAL,
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    Metrics,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    ToolCall,
    Usage,
    encode,
)
from transports.messages import HEAD
from transports.sse import RETRY_MS

ID: Final = "g_Yk3tBc0V9aZ1x8Qm2LwPfA"
USAGE: Final = Usage(21, 96, "exact", cached_input_tokens=0, reasoning_tokens=0)
METRICS: Final = Metrics("r_7d1f", 412.7, 3961.0, 0.0, 96, 431, 433, 121.5, 1, 1)

SAMPLES: Final[Sequence[Event]] = (
    Accepted(ID, "r_7d1f", "chat"),
    Queued(3, 4200),
    Start("openai", "gpt-4.1", 1, 1),
    Retry(1, 250, "rate_limit", "openai"),
    Chunk("The sky is "),
    Reasoning("The user asks about scattering."),
    SignedReasoning("", "EqoBCkgIARABGAIiQ…", "anthropic"),
    ToolCall(0, "call_1", "get_weather", ""),
    ToolCall(0, None, None, '{"city":"Hà Nội"}'),
    Part("image", {"media_type": "image/png", "data": "iVBORw0KGgo…"}),
    Feedback("f_2mX9", "revise", "Shorter, please.", None),
    Revision(2, "f_2mX9", 0.6),
    Gap(7, 1_000_000_012, "The sky is blue because"),
    Complete("stop", USAGE, 0.00081, METRICS),
    Interrupted("client", "enough", 0.6, USAGE, 0.00081, METRICS),
    Error("truncated", "The connection to the provider broke off before the end of the answer.",
          True, None, True, USAGE, None, METRICS),
)  # fmt: skip
"""At least one of each type."""

INTRODUCTION: Final = """\
# Events

Every type of event, with a sample as it is sent. [protocol.md](protocol.md#events) is the contract: meanings, fields,
what may follow what. `make reference` writes this page.

Over SSE a frame has the position as `id`, the type as `event` (left out for `chunk`, so that `onmessage` of an
EventSource receives the text) and one line of JSON as `data`. Over WebSocket, and in the `events` of a long poll, it is
the same object with `generation_id` and `seq`.

"""


def page() -> str:
    """Return the page."""
    sections = [_section(kind, [*events]) for kind, events in groupby(SAMPLES, key=lambda event: event.type)]
    return INTRODUCTION + "\n".join(sections) + _websocket()


def _section(name: str, events: Sequence[Event]) -> str:
    is_last = " It is terminal: nothing follows it." if type(events[0]) in TERMINAL else ""
    fields = ", ".join(f"`{field}`" for field in orjson.loads(encode(events[0])) if field != "type")
    frames = "\n".join(_frame(number, event) for number, event in enumerate(events, start=SAMPLES.index(events[0]) + 1))
    return f"## `{name}`\n\nFields beside `type`: {fields}.{is_last}\n\n```text\n{frames.rstrip()}\n```\n"


def _frame(seq: int, event: Event) -> str:
    position = f"{ID}:{event.to_seq if isinstance(event, Gap) else seq}".encode()
    name = b"" if isinstance(event, Chunk) else event.type.encode()
    return event_frame(encode(event), name, position, RETRY_MS if isinstance(event, Accepted) else None).decode()


def _websocket() -> str:
    sample = (HEAD % (ID.encode(), 5) + encode(Chunk("The sky is "))[1:]).decode()
    return f"\n## Over WebSocket\n\nOne text message for each event, here for a `chunk`:\n\n```json\n{sample}\n```\n"
