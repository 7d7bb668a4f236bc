"""Sentences of the documentation that hold figures, written from results. Pure."""

import re
import textwrap
from typing import Final

from tests.bench.metric import CLOSE, CPU_PER_REQUEST, CPU_PER_TOKEN, MEMORY_PER_STREAM, Metric
from tests.bench.report.table import format_figure
from tests.bench.results import Results

WIDTH: Final = 116
"""Of a line of the README, without its indent."""


def cost(results: Results) -> str:
    """Return what a token, a short answer and an open stream cost, as lines of a list."""
    text = (
        f"A token that comes alone costs {_figure(results, 'paced-100', 'sse', CPU_PER_TOKEN)} of CPU over SSE and "
        f"{_figure(results, 'paced-100', 'websocket', CPU_PER_TOKEN)} over WebSocket, its part of the request included "
        f"(nginx, which only forwards: {_figure(results, 'paced-100', 'nginx', CPU_PER_TOKEN)}), and in bursts "
        f"{_figure(results, 'firehose', 'sse', CPU_PER_TOKEN)}; a short answer costs "
        f"{_figure(results, 'short', 'sse', CPU_PER_REQUEST)}. An open stream takes "
        f"{_figure(results, 'idle', 'sse', MEMORY_PER_STREAM)} of memory over SSE, "
        f"{_figure(results, 'idle', 'websocket', MEMORY_PER_STREAM)} over WebSocket"
    )
    text = re.sub(r" (?=(?:µs|ms|KB)\b)", "\N{NO-BREAK SPACE}", text)
    # A mark at the begin of a line would be a block of HTML, which ends the paragraph.
    return "\n  ".join(["", *textwrap.wrap(text, WIDTH, break_on_hyphens=False)])


def overhead(results: Results) -> str:
    """Return what a token and a short answer cost."""
    token = _figure(results, "paced-100", "sse", CPU_PER_TOKEN)
    return f"{token} of CPU for a paced token, {_figure(results, 'short', 'sse', CPU_PER_REQUEST)} for a short answer"


def idle(results: Results) -> str:
    """Return the memory of an idle stream."""
    sse, websocket = (_figure(results, "idle", target, MEMORY_PER_STREAM) for target in ("sse", "websocket"))
    return f"{sse} (SSE) to {websocket} (WebSocket)"


def close(results: Results) -> str:
    """Return how soon the provider's socket is closed after a client has left."""
    return f"{_figure(results, 'leave', 'sse', CLOSE)} in the median"


def _figure(results: Results, row: str, target: str, metric: Metric) -> str:
    return format_figure(results.figure(row, target, metric.name), metric)
