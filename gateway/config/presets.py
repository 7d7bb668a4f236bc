"""Presets: address, API, key variable and differences of known providers. Pure.

The variables have the names that the libraries and documentation of the providers use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.upstreams.formats.base import Quirks

Api = Literal["openai", "openai-responses", "anthropic", "gemini"]
PresetName = Literal[
    "openai",
    "openai-responses",
    "anthropic",
    "gemini",
    "deepseek",
    "holysheep",
    "vllm",
    "ollama",
    "llamacpp",
    "simulator",
]


@dataclass(frozen=True, slots=True)
class Preset:
    """Defaults of a provider. `base_url` None: the built-in simulator. `key_variable` None: no key is sent."""

    base_url: str | None
    api: Api = "openai"
    key_variable: str | None = None
    quirks: Quirks = field(default_factory=Quirks)


PRESETS: Final[Mapping[PresetName, Preset]] = {
    # platform.openai.com/docs/api-reference/chat/create: `max_tokens` is deprecated, and reasoning models reject it
    # ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.").
    # Tool calls have short ids: "string too long. Expected a string with maximum length 40" (microsoft/autogen #6377).
    "openai": Preset(
        "https://api.openai.com/v1",
        key_variable="OPENAI_API_KEY",
        quirks=Quirks(
            token_limit="max_completion_tokens",  # noqa: S106 - the name of a field, not a secret
            tool_ids="40_characters",
            reasoning="none",
            tool_signatures="none",
        ),
    ),
    # platform.openai.com/docs/api-reference/responses.
    "openai-responses": Preset("https://api.openai.com/v1", "openai-responses", "OPENAI_API_KEY"),
    # docs.anthropic.com, "API overview".
    "anthropic": Preset("https://api.anthropic.com/v1", "anthropic", "ANTHROPIC_API_KEY"),
    # ai.google.dev/api, "Gemini API reference".
    "gemini": Preset("https://generativelanguage.googleapis.com/v1beta", "gemini", "GEMINI_API_KEY"),
    # api-docs.deepseek.com, "Your First API Call": no /v1 is needed; "Chat Prefix Completion (Beta)": `prefix` on the
    # last message, below /beta. It rejects `developer`: "unknown variant, expected one of `system`, `user`,
    # `assistant`, `tool`" (earendil-works/pi #1048). It requires earlier reasoning beside tool calls: "Missing
    # `reasoning_content` field in the assistant message" (continuedev/continue #9940).
    "deepseek": Preset(
        "https://api.deepseek.com",
        key_variable="DEEPSEEK_API_KEY",
        quirks=Quirks(developer_role=False, continuation="prefix", reasoning="reasoning_content"),
    ),
    # holysheep.ai, "OpenAI-compatible endpoint": chat completions without differences, a bearer token.
    "holysheep": Preset("https://api.holysheep.ai/v1", key_variable="HOLYSHEEP_API_KEY"),
    # docs.vllm.ai, "OpenAI-Compatible Server": port 8000; `continue_final_message` is an extra parameter of chat. The
    # chat template defines the roles; most have no `developer` ("Unexpected message role.", ogx-ai/ogx #6069).
    "vllm": Preset(
        "http://127.0.0.1:8000/v1", quirks=Quirks(developer_role=False, continuation="continue_final_message")
    ),
    # docs.ollama.com, "OpenAI compatibility": port 11434. The model defines the roles (ollama-python #453); a final
    # assistant message is continued without a mark (ollama #6778).
    "ollama": Preset("http://127.0.0.1:11434/v1", quirks=Quirks(developer_role=False, continuation="last_message")),
    # github.com/ggml-org/llama.cpp, tools/server/README.md: port 8080. The chat template defines the roles; a final
    # assistant message is continued without a mark, except by a model with thinking enabled (llama.cpp #15404).
    "llamacpp": Preset("http://127.0.0.1:8080/v1", quirks=Quirks(developer_role=False, continuation="last_message")),
    "simulator": Preset(None, quirks=Quirks(continuation="last_message")),
}
"""Presets by their names."""
