"""The UI message stream of the AI SDK, versions 5 to 7 (ai-sdk.dev/docs/ai-sdk-ui/stream-protocol)."""

from gateway.dialects.ai_sdk.dialect import AiSdkDialect

__all__ = ["AiSdkDialect"]
