"""A real HTTP server that speaks OpenAI's streaming format: default upstream, and the other side of tests."""

from gateway.simulator.server import Simulator

__all__ = ["Simulator"]
