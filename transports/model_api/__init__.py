"""The APIs of providers as a transport: each dialect over HTTP, and the Responses API also over WebSocket."""

from transports.model_api.transport import ModelApiTransport

__all__ = ["ModelApiTransport"]
