"""The dialect of OpenAI's Responses API."""

from gateway.dialects.openai_responses.dialect import OpenAIResponsesDialect

__all__ = ["OpenAIResponsesDialect"]
