"""AG-UI 1.0 as a transport: server-sent events, a way to join a run, and the agent's capabilities."""

from transports.chat_ui.ag_ui.transport import AgUiTransport

__all__ = ["AgUiTransport"]
