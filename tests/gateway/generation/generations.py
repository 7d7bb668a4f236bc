"""Generations for tests, without a pipeline."""

from gateway.generation.generation import Generation
from gateway.protocol.events import Chunk
from tests.start_requests import start_request


def new_generation(output_limit: int = 1000) -> Generation:
    return Generation("g_1", start_request("Hello, gateway"), "r_1", "model", 100.0, output_limit)


def streaming(output_limit: int = 1000) -> Generation:
    generation = new_generation(output_limit)
    generation.on_admitted(101.0)
    generation.begin_attempt()
    generation.on_opened(generation.attempts[-1])
    generation.append_content([Chunk("Xin "), Chunk("chào")], 102.0)
    return generation


def last_event(generation: Generation) -> object:
    return generation.log.since(generation.log.last - 1)[0].event
