"""A single upstream, the default model, and the budget."""

from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl, SecretStr

from gateway.config.checks import check_base_url, check_header_value
from gateway.config.groups.group import ModelName, SettingsGroup, Texts
from gateway.config.presets import Api
from gateway.upstreams.formats.base import TokenLimit


class UpstreamSettings(SettingsGroup):
    """A single upstream, the default model, and the budget."""

    upstream: Annotated[HttpUrl | None, AfterValidator(check_base_url)] = Field(
        None, description="Base URL of the provider's API. None: the built-in simulator answers."
    )
    upstream_api: Api = Field(
        "openai",
        description=(
            "API of the upstream: `openai` (chat completions, which most providers offer), `openai-responses` (OpenAI "
            "Responses), `anthropic` (Anthropic Messages) or `gemini` (Google Gemini)."
        ),
    )
    upstream_api_key: Annotated[SecretStr | None, AfterValidator(check_header_value)] = Field(
        None, description="Key sent to the upstream."
    )
    upstream_connections: int = Field(
        0, ge=0, description="Maximum number of connections to the upstream; 0: no limit."
    )
    upstream_token_limit: TokenLimit | None = Field(
        None,
        description=(
            "Name under which `max_tokens` is sent in API `openai`: `max_tokens`, `max_completion_tokens`, or "
            "`by_model`: the second for OpenAI's reasoning models. None: that of a known host, or `by_model`."
        ),
    )
    upstream_stream_options: bool | None = Field(
        None,
        description=(
            "Send `stream_options`, which asks for usage figures, in API `openai`. None: yes, unless the host is known "
            "to refuse it."
        ),
    )
    provider: str = Field("upstream", min_length=1, description="Provider name shown to clients.")
    model: Texts = Field(
        (),
        description=(
            "Models that clients may request, separated by commas; the first is the default. None: any model, or "
            "without `upstream` those of the simulator."
        ),
    )
    default_model: ModelName | None = Field(
        None, description="Model of a request that names none. None: the first configured model."
    )
    budget_per_day: float = Field(
        0, ge=0, description="Maximum cost of the generations of one client per UTC day, in US dollars; 0: no limit."
    )
