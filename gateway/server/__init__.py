"""Run the application under uvicorn."""

from gateway.server.run import serve

__all__ = ["serve"]
