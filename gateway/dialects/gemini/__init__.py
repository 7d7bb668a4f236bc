"""The dialect of Google's Gemini API."""

from gateway.dialects.gemini.dialect import GeminiDialect

__all__ = ["GeminiDialect"]
