"""The AI SDK's chat transports, over HTTP and WebSocket."""

from transports.chat_ui.ai_sdk.transport import AiSdkTransport

__all__ = ["AiSdkTransport"]
