"""Ids of traces: that of the client, or one made of the generation's."""

import pytest

from gateway.generation.source import StartSource
from gateway.telemetry.trace_id import client_trace_id, trace_id_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def test_each_generation_has_an_id_of_its_own() -> None:
    assert trace_id_of("g_x") == trace_id_of("g_x") != trace_id_of("g_y")
    assert 0 < trace_id_of("\ud800") < 1 << 128


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        (f"01-{TRACE}-{PARENT}-00-later", TRACE),
        ("", None),
        ("nonsense", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
    ],
)
def test_only_a_valid_header_names_a_trace(traceparent: str, trace: str | None) -> None:
    assert client_trace_id(StartSource("sse", "native", traceparent)) == trace
