"""The dialect of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat)."""

from gateway.dialects.openai_chat.dialect import OpenAIChatDialect

__all__ = ["OpenAIChatDialect"]
