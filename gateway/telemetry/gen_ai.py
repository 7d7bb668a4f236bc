"""Names of OpenTelemetry's conventions for generative AI that are values of attributes. Pure.

https://github.com/open-telemetry/semantic-conventions-genai, docs/registry/attributes/gen-ai.md.
"""

from collections.abc import Mapping
from typing import Final

OPERATION: Final = "chat"
"""`gen_ai.operation.name` of all our calls: they have messages, and not one prompt (`text_completion`)."""

UNKNOWN_MODALITY: Final = "unknown"
"""`gen_ai.token.modality`: providers report tokens without a modality, or only some of them."""

PROVIDERS: Final[Mapping[str, str]] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "deepseek": "deepseek",
}
"""`gen_ai.provider.name` by vendor; another provider keeps the name that it has in our configuration."""


def provider_name(vendor: str, name: str) -> str:
    """Return the `gen_ai.provider.name` of a provider that serves this vendor (`Target.vendor`), and has this name."""
    return PROVIDERS.get(vendor, name)
