"""TanStack AI as a transport: server-sent events and a WebSocket, both of which its clients resume by themselves."""

from transports.chat_ui.tanstack.transport import TanStackTransport

__all__ = ["TanStackTransport"]
