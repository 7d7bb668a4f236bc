"""What is known of providers: where their API is, which it is, where their key is, what they spell otherwise. Pure.

The variables are those that the providers' own libraries and pages name.
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
    """What is known of a provider. `base_url` None: the simulator that is built in. `key_variable` None: no key."""

    base_url: str | None
    api: Api = "openai"
    key_variable: str | None = None
    quirks: Quirks = field(default_factory=Quirks)


PRESETS: Final[Mapping[PresetName, Preset]] = {
    # platform.openai.com/docs/api-reference/chat/create: `max_tokens` is deprecated, and models that reason refuse it
    # ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.").
    "openai": Preset(
        "https://api.openai.com/v1",
        key_variable="OPENAI_API_KEY",
        quirks=Quirks(token_limit="max_completion_tokens"),  # noqa: S106 - a field's name, no secret
    ),
    # platform.openai.com/docs/api-reference/responses.
    "openai-responses": Preset("https://api.openai.com/v1", "openai-responses", "OPENAI_API_KEY"),
    # docs.anthropic.com, "API overview".
    "anthropic": Preset("https://api.anthropic.com/v1", "anthropic", "ANTHROPIC_API_KEY"),
    # ai.google.dev/api, "Gemini API reference".
    "gemini": Preset("https://generativelanguage.googleapis.com/v1beta", "gemini", "GEMINI_API_KEY"),
    # api-docs.deepseek.com, "Your First API Call": no /v1 is needed; "Chat Prefix Completion (Beta)": `prefix` on the
    # last message, below /beta. Of `developer` it says "unknown variant, expected one of `system`, `user`,
    # `assistant`, `tool`" (earendil-works/pi #1048).
    "deepseek": Preset(
        "https://api.deepseek.com",
        key_variable="DEEPSEEK_API_KEY",
        quirks=Quirks(developer_role=False, continuation="prefix"),
    ),
    # holysheep.ai, "OpenAI-compatible endpoint": chat completions as they are, a bearer token.
    "holysheep": Preset("https://api.holysheep.ai/v1", key_variable="HOLYSHEEP_API_KEY"),
    # docs.vllm.ai, "OpenAI-Compatible Server": port 8000; `continue_final_message` among the extra parameters of chat.
    # Roles are the chat template's, and most know no `developer` ("Unexpected message role.", ogx-ai/ogx #6069).
    "vllm": Preset(
        "http://127.0.0.1:8000/v1", quirks=Quirks(developer_role=False, continuation="continue_final_message")
    ),
    # docs.ollama.com, "OpenAI compatibility": port 11434. Roles are the model's (ollama-python #453); a last message of
    # the assistant's is gone on with as it is (ollama #6778).
    "ollama": Preset("http://127.0.0.1:11434/v1", quirks=Quirks(developer_role=False, continuation="last_message")),
    # github.com/ggml-org/llama.cpp, tools/server/README.md: port 8080. Roles are the chat template's; a last message of
    # the assistant's is gone on with as it is, but for a model that is to think (llama.cpp #15404).
    "llamacpp": Preset("http://127.0.0.1:8080/v1", quirks=Quirks(developer_role=False, continuation="last_message")),
    "simulator": Preset(None, quirks=Quirks(continuation="last_message")),
}
