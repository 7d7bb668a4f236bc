"""The dialect of Anthropic's Messages API."""

from gateway.dialects.anthropic.dialect import AnthropicDialect

__all__ = ["AnthropicDialect"]
