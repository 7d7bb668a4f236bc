"""Known providers by the hosts of their addresses: differences of those without a preset, and price lists. Pure.

Only what a source supports is here. Other providers need no entry for it to work: a field that a provider refuses is
left out after its first refusal (`gateway/upstreams/formats/refused_fields.py`).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from gateway.config.presets import PRESETS
from gateway.upstreams.formats.base import Quirks

_AZURE: Final = Quirks(key_header="api-key", tool_ids="40_characters", reasoning="none", tool_signatures="none")
_MOONSHOT: Final = Quirks(reasoning="reasoning_content", tool_signatures="none")

HOSTS: Final[Mapping[str, Quirks]] = {
    "api.openai.com": PRESETS["openai"].quirks,
    "api.deepseek.com": PRESETS["deepseek"].quirks,
    # learn.microsoft.com, "Azure OpenAI in Azure AI Foundry Models REST API reference", "Authentication": the key is in
    # the header `api-key`; `Authorization` holds tokens of Entra.
    ".openai.azure.com": _AZURE,
    ".cognitiveservices.azure.com": _AZURE,
    ".services.ai.azure.com": _AZURE,
    # It refuses `stream_options` ("Extra inputs are not permitted"), and sends usage without it (openai-agents-python
    # #442, anon-kode #53); a tool call's id has 9 letters and digits; other fields of a message are refused (zeroclaw
    # #2693); docs.mistral.ai, "Chat": the roles are system, user, assistant and tool.
    "api.mistral.ai": Quirks(
        token_limit="max_tokens",  # noqa: S106 - a field's name, no secret
        stream_options=False,
        developer_role=False,
        tool_ids="9_alphanumerics",
        reasoning="none",
        tool_signatures="none",
    ),
    # "property 'reasoning_content' is unsupported" (janhq/jan #8136; at Cerebras: kilocode #10375).
    "api.groq.com": Quirks(reasoning="none", tool_signatures="none"),
    "api.cerebras.ai": Quirks(reasoning="none", tool_signatures="none"),
    # openrouter.ai/docs, "Reasoning Tokens", "Preserving reasoning": `reasoning_details`.
    "openrouter.ai": Quirks(reasoning="reasoning_details", tool_ids="40_characters"),
    # "thinking is enabled but reasoning_content is missing in assistant tool call message" (mastra-ai/mastra #12592).
    "api.moonshot.ai": _MOONSHOT,
    "api.moonshot.cn": _MOONSHOT,
    # ai.google.dev, "OpenAI compatibility" and "Thought signatures".
    "generativelanguage.googleapis.com": Quirks(tool_signatures="google"),
}
"""Quirks by host; a name that begins with a dot stands for all hosts below it."""


VENDORS: Final[Mapping[str, str]] = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "api.deepseek.com": "deepseek",
}
"""Vendors of `gateway/billing/published_prices.py` by host.

Their models cost another price elsewhere: at a reseller, in a cloud, or at the vendor's own address for a region.
"""


def price_vendor(base_url: str | None) -> str:
    """Return the vendor whose published prices apply at a base URL, "" if none is known. None: the simulator."""
    return "simulator" if base_url is None else VENDORS.get(_host(base_url), "")


def known_quirks(base_url: str | None) -> Quirks | None:
    """Return the quirks of the server at a base URL, or None if its host is not known."""
    host = _host(base_url)
    below = next((quirks for name, quirks in HOSTS.items() if name[0] == "." and host.endswith(name)), None)
    return HOSTS.get(host, below)


def _host(base_url: str | None) -> str:
    return (urlsplit(base_url or "").hostname or "").rstrip(".")
