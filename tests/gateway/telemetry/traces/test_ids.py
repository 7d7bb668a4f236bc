"""Ids of traces."""

from gateway.telemetry.trace_id import trace_id_of
from gateway.telemetry.traces.ids import GenerationIds


def test_every_gateway_finds_the_same_id_for_a_generation() -> None:
    first, second = GenerationIds(), GenerationIds()
    first.generation_id = second.generation_id = "g_x"
    assert first.generate_trace_id() == second.generate_trace_id() == trace_id_of("g_x")


def test_without_a_generation_it_is_random() -> None:
    ids = GenerationIds()
    assert ids.generate_trace_id() != ids.generate_trace_id()
