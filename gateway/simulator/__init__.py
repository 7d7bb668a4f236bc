"""A real HTTP server that speaks the providers' wire formats: default upstream, and the other side of tests."""

from gateway.simulator.server import Simulator

__all__ = ["Simulator"]
