"""All settings: on the command line, in `DUALSTREAM_…` environment variables and in a TOML file."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, StringConstraints, field_validator

from gateway.config.checks import (
    check_base_url,
    check_header_value,
    check_metrics_key,
    check_no_userinfo,
    check_proxy,
    check_store,
)
from gateway.config.cross_origin import check_header_pattern, check_origin
from gateway.config.presets import Api
from gateway.config.tables import JwtTable, ModelTable, ProviderTable
from gateway.net.proxy import DIRECT
from gateway.protocol.options import MAX_COALESCE_MS
from gateway.security.api_keys import check_unique, parse_stored_key
from gateway.store.redis.keys import check_prefix
from gateway.upstreams.base import DEFAULT_EVENT_BYTES, DEFAULT_OUTPUT_BYTES, MAX_EVENT_BYTES
from gateway.upstreams.formats.base import TokenLimit

VARIABLE_PREFIX: Final = "DUALSTREAM_"

NAMED_TABLES: Final = ("aliases", "providers", "models")
"""Tables of the file whose keys are names that the operator chooses."""

TABLE_SETTINGS: Final = (*NAMED_TABLES, "jwt")
"""Settings that are tables of the file and have neither a variable nor an option."""

SINGLE_UPSTREAM_SETTINGS: Final = (
    "upstream",
    "upstream_api",
    "upstream_api_key",
    "upstream_connections",
    "upstream_token_limit",
    "upstream_stream_options",
    "provider",
    "model",
)
"""Settings of a gateway with a single upstream; they cannot be combined with `[models]`."""

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""Model name that a request may carry (`StartRequest.model`)."""
ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Settings(BaseModel):
    """The settings. Times in seconds, sizes in bytes; a limit of 0 means no limit, where 0 is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0: any free port.")
    workers: int = Field(
        1,
        ge=1,
        le=512,
        description=(
            "Number of processes that serve this address, to use as many cores. More than 1 need a `store` that they "
            "share."
        ),
    )
    insecure: bool = Field(
        default=False,
        description="Allow an address that other machines can reach although no credentials are required.",
    )

    keys_file: Path | None = Field(
        None,
        description=(
            "File of the accepted keys, written by `dualstream keys`. A relative path in the configuration file starts "
            "at the folder of that file."
        ),
    )
    keys: tuple[SecretStr, ...] = Field(
        (), description="Accepted keys without a file, each `name:id:hash`, separated by commas.", repr=False
    )

    metrics_key: SecretStr | None = Field(
        None,
        description=(
            "Key with which `GET /metrics` may be read, sent as a bearer token, without any other right. None: only "
            "keys and tokens with the role `observe` or `operate` may read it."
        ),
    )

    upstream: HttpUrl | None = Field(
        None, description="Base URL of the provider's API. None: the built-in simulator answers."
    )
    upstream_api: Api = Field(
        "openai",
        description=(
            "API of the upstream: `openai` (chat completions, which most providers offer), `openai-responses` (OpenAI "
            "Responses), `anthropic` (Anthropic Messages) or `gemini` (Google Gemini)."
        ),
    )
    upstream_api_key: SecretStr | None = Field(None, description="Key sent to the upstream.")
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
    model: tuple[str, ...] = Field(
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

    max_concurrent: int = Field(50, ge=0, description="Maximum number of running generations; 0: no limit.")
    max_concurrent_per_client: int = Field(
        0, ge=0, description="Maximum number of running generations of one client; 0: no limit."
    )
    max_queue: int = Field(200, ge=0, description="Maximum number of generations waiting for a slot; 0: no limit.")
    queue_timeout: float = Field(
        30, ge=0, description="Maximum seconds that a generation waits for a slot; 0: no limit."
    )
    rate_limit_per_minute: int = Field(
        500, ge=0, description="Maximum number of generations that one client starts per minute; 0: no limit."
    )
    rate_limit_burst: int = Field(
        50, ge=1, description="Number of generations that one client may start at once within that rate."
    )
    output_tokens_per_minute: int = Field(
        0, ge=0, description="Maximum number of output tokens for one client per minute; 0: no limit."
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description=(
            "Addresses or networks of proxies whose X-Forwarded-For header is trusted, separated by commas; `*`: every "
            "address."
        ),
    )

    store: str = Field(
        "memory",
        description=(
            "Where generations are kept: `memory`, for a single process; or the URL of a Redis that any number of "
            "gateways share, such as `redis://redis.example:6379/0`; see docs/operations/scale-out.md."
        ),
        repr=False,
    )
    store_password: SecretStr | None = Field(None, description="Password of the store, if its URL contains none.")
    store_prefix: str = Field(
        "dualstream",
        description="What all keys in the store begin with. Deployments with different prefixes can share one Redis.",
    )
    store_delay: float = Field(
        0.2,
        gt=0,
        le=5,
        description=(
            "Longest delay in seconds after which events are written to the store: what the death of a gateway may "
            "cost. While a client reads on another gateway, it is 0.01."
        ),
    )
    store_down: Literal["refuse", "local"] = Field(
        "refuse",
        description=(
            "What happens to new generations while the store can't be used: they are refused (`refuse`), or served by "
            "their gateway alone (`local`). Those that run go on in either case."
        ),
    )
    owner_timeout: float = Field(
        5,
        ge=1,
        le=300,
        description="Maximum seconds until other gateways end, or continue, the generations of one that has died.",
    )
    on_owner_lost: Literal["fail", "continue"] = Field(
        "fail",
        description=(
            "What happens to the generations of a gateway that has died: they end with `generation_lost` and keep "
            "their text (`fail`), or another gateway begins their answer again (`continue`), for which prompts are "
            "kept in the store while they run."
        ),
    )

    max_connections: int = Field(
        0, ge=0, description="Maximum number of open connections; 0: derived from the limit of open files."
    )
    max_connections_per_address: int | None = Field(
        None,
        ge=0,
        description=(
            "Maximum number of open connections from one address that is not a trusted proxy; 0: no limit. None: 500, "
            "and no limit for loopback addresses."
        ),
    )
    max_streams_per_client: int | None = Field(
        None,
        ge=0,
        description=(
            "Maximum number of open streams and WebSockets of one client; 0: no limit. None: 1000, and without "
            "credentials no limit for loopback addresses."
        ),
    )
    max_streams_per_address: int | None = Field(
        None,
        ge=0,
        description=(
            "Maximum number of open streams and WebSockets from one address, as forwarded by trusted proxies; 0: no "
            "limit. None: 500, and no limit for loopback addresses."
        ),
    )
    max_commands_per_second: int | None = Field(
        None,
        ge=0,
        description=(
            "Maximum number of messages per second on one WebSocket, and of requests per second of one client except "
            "those that read a generation; bursts of twice as many are allowed; 0: no limit. None: 100, and without "
            "credentials no limit for loopback addresses."
        ),
    )

    connect_timeout: float = Field(
        10,
        gt=0,
        description="Maximum seconds to connect to an upstream: its name, TCP, a proxy's tunnel and TLS together.",
    )
    upstream_proxy: str = Field(
        DIRECT,
        description=(
            "HTTP proxy of the calls to upstreams: a URL without a password; `environment`: `HTTPS_PROXY`, "
            "`HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (a URL there may have one); `direct`: none."
        ),
    )
    first_token_timeout: float = Field(
        300, ge=0, description="Maximum seconds from an upstream call to its first content; 0: no limit."
    )
    stall_timeout: float = Field(
        300, ge=0, description="Maximum seconds without new content after the first content; 0: no limit."
    )
    total_timeout: float = Field(
        3600, ge=0, description="Maximum seconds of one generation, from its first upstream call; 0: no limit."
    )
    min_chars_per_second: float = Field(
        0, ge=0, description="Minimum number of characters per second, measured over 10 seconds; 0: no minimum."
    )
    max_attempts: int = Field(
        4, ge=1, description="Maximum number of upstream calls before the first content, including the first call."
    )
    retry_base: float = Field(
        1, ge=0, description="Maximum seconds before the first retry; doubled for each further retry."
    )
    retry_longest: float = Field(
        10, ge=0, description="Maximum seconds before any retry, unless the provider asks for a longer wait."
    )
    retry_within: float = Field(
        60, ge=0, description="Seconds after the first call during which a retry may begin; 0: no retries."
    )
    breaker_failures: int = Field(
        5, ge=0, description="Failures in a row after which the circuit breaker of an upstream opens; 0: never."
    )
    breaker_rest: float = Field(
        5, gt=0, description="Seconds that the circuit stays open; doubled after each failed probe, up to 60."
    )
    max_event_bytes: int = Field(
        DEFAULT_EVENT_BYTES,
        ge=1024,
        le=MAX_EVENT_BYTES,
        description="Maximum size of one event of an upstream's stream, in bytes; images come as one event.",
    )
    max_output_bytes: int = Field(
        DEFAULT_OUTPUT_BYTES, ge=1, description="Maximum size of the content of one generation, in bytes."
    )

    on_disconnect: Literal["grace", "cancel", "continue"] = Field(
        "grace",
        description=(
            "What happens to a generation when its last viewer disconnects: it is cancelled after `grace` seconds "
            "(`grace`) or immediately (`cancel`), or runs on (`continue`)."
        ),
    )
    model_api_on_disconnect: Literal["grace", "cancel", "continue"] = Field(
        "cancel",
        description=(
            "The same for clients of the APIs of providers (`/v1/chat/completions` and others), which have no way to "
            "come back."
        ),
    )
    model_api_on_resend: Literal["attach", "cancel", "ignore"] = Field(
        "attach",
        description=(
            "What happens when such a client sends a request again while its first one still runs: it gets the same "
            "answer (`attach`), the first one is stopped (`cancel`), or both run and are paid (`ignore`)."
        ),
    )
    grace: float = Field(
        60,
        ge=0,
        description=(
            "Seconds that a generation runs without a viewer, if `on_disconnect` is `grace`: the time to unlock a "
            "phone or to change networks. An abandoned one costs its tokens, and its slot, for that long."
        ),
    )
    retention: float = Field(300, ge=0, description="Seconds that a finished generation can still be read.")
    max_retained: int = Field(
        10_000, ge=1, description="Maximum number of finished generations that are kept; the oldest are dropped first."
    )

    max_retained_bytes: int = Field(
        256 << 20,
        ge=1,
        description="Maximum size of all finished generations together, in bytes: content, feedback, metadata.",
    )

    response_retention: float = Field(
        3600,
        ge=0,
        description=(
            "Seconds that a stored response (`/v1/responses`) can be retrieved and continued from; its generation is "
            "kept as long."
        ),
    )
    max_stored_bytes: int = Field(
        64 << 20,
        ge=0,
        description=(
            "Maximum size of the conversations of stored responses, in bytes; a quarter of it for one client. The "
            "oldest are dropped first. 0: no response is stored."
        ),
    )
    responses_websocket: bool = Field(
        default=True,
        description=(
            "Whether `/v1/responses` is also a WebSocket, as at OpenAI. If not, it answers with status 426, and "
            "clients send HTTP requests."
        ),
    )

    heartbeat: float = Field(
        15, gt=0, description="Seconds without data on a connection to a client after which a heartbeat is sent."
    )
    max_body_bytes: int = Field(
        16 << 20, ge=1024, description="Maximum size of a request body or WebSocket message, in bytes."
    )
    max_prompt_bytes: int | None = Field(
        None,
        ge=0,
        description=(
            "Maximum size of all prompts together that run, wait or are being received, in bytes; 0: no limit. None: "
            "16 times `max_body_bytes`."
        ),
    )
    max_prompt_bytes_per_client: int | None = Field(
        None,
        ge=0,
        description=(
            "The same for the prompts of one client; 0: no limit. None: a quarter of `max_prompt_bytes`, and without "
            "credentials no limit for loopback addresses."
        ),
    )
    max_generations_per_socket: int = Field(
        100, ge=1, description="Maximum number of generations viewed at the same time on one WebSocket."
    )
    allowed_origins: tuple[str, ...] = Field(
        (),
        description=(
            "Origins of other sites and of apps whose pages may use the gateway, separated by commas: "
            "`https://app.example`, `tauri://localhost`, `vscode-webview://*`."
        ),
    )
    allowed_headers: tuple[str, ...] = Field(
        (
            *("traceparent", "tracestate", "baggage", "sentry-trace", "b3", "x-b3-*", "x-datadog-*", "newrelic"),
            *("elastic-apm-traceparent", "uber-trace-id", "x-cloud-trace-context", "x-amzn-trace-id", "request-id"),
            *("request-context", "x-correlation-id", "x-requested-with", "x-stainless-*", "user-agent"),
        ),
        description=(
            "Headers that pages of allowed origins may send beside those of the gateway, separated by commas; "
            "`x-b3-*`: all that begin with `x-b3-`; `*`: all."
        ),
    )
    cookie: str | None = Field(
        None,
        description=(
            "Name of the cookie in which browsers may send a key or token, such as `__Host-dualstream`. None: cookies "
            "are not accepted."
        ),
    )
    coalesce_ms: int = Field(
        0,
        ge=0,
        le=MAX_COALESCE_MS,
        description=(
            "Milliseconds for which text that follows other text is joined before it is sent to a viewer, so that a "
            "fast model does not cost a frame per token. The first text after a silence, and all that is not text, are "
            "sent at once. A start or a viewer may set its own (`coalesce_ms`). 0: each text is sent as it comes."
        ),
    )
    poll_wait: float = Field(
        25,
        gt=0,
        description=(
            "Maximum seconds that a long poll waits for an event. Keep it below the limits of proxies, of which 30 is "
            "a common one."
        ),
    )
    poll_interval: float = Field(
        0.05,
        ge=0,
        description=(
            "Minimum seconds between two responses to the long polls of one client: what comes meanwhile is sent "
            "together. The first event after a silence, and the end, are sent at once."
        ),
    )
    poll_lease: float = Field(
        10,
        gt=0,
        description=(
            "Seconds within which the next long poll of a client must come; otherwise it counts as a viewer that has "
            "left."
        ),
    )
    viewer_timeout: float = Field(
        30, gt=0, description="Maximum seconds that a client leaves sent data unread before it is disconnected."
    )
    drain_timeout: float = Field(
        30, ge=0, description="Maximum seconds that running generations continue after SIGTERM or SIGINT."
    )

    log_format: Literal["console", "json"] = Field(
        "console",
        description="Form of the log on standard error: lines for people (`console`), or JSON objects (`json`).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description=(
            "Lowest level that is logged. `info` has a line for each generation, `debug` also one for each step of it."
        ),
    )
    log_content: bool = Field(
        default=False,
        description="Add the prompt and the text of each generation to its line of the log.",
    )
    otlp_endpoint: HttpUrl | None = Field(
        None,
        description=(
            "Base URL of a collector that gets traces by OTLP over HTTP, such as `http://127.0.0.1:4318`. None: that "
            "of `OTEL_EXPORTER_OTLP_ENDPOINT`; without either there are no traces. Needs `dualstream[otel]`."
        ),
    )
    trace_content: bool = Field(
        default=False, description="Add prompts and answers to the spans of calls to providers."
    )

    aliases: dict[ModelName, ModelName] = Field({}, description="Other names of models.")
    providers: dict[ProviderName, ProviderTable] = Field({}, description="Providers in addition to the presets.")
    models: dict[ModelName, ModelTable] = Field({}, description="Models that clients may request.")
    jwt: JwtTable | None = Field(None, description="Rules for accepted JSON Web Tokens.")

    @property
    def requires_credentials(self) -> bool:
        """Return True if every client must present a key or a token."""
        return bool(self.keys or self.keys_file or self.jwt)

    @field_validator("model", "allowed_origins", "allowed_headers", "trusted_proxies", "keys", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("store")
    @classmethod
    def _check_store(cls, store: str) -> str:
        return check_store(store)

    @field_validator("store_prefix")
    @classmethod
    def _check_store_prefix(cls, prefix: str) -> str:
        return check_prefix(prefix)

    @field_validator("upstream_proxy")
    @classmethod
    def _check_proxy(cls, proxy: str) -> str:
        return check_proxy(proxy)

    @field_validator("upstream")
    @classmethod
    def _check_upstream(cls, url: HttpUrl | None) -> HttpUrl | None:
        return check_base_url(url)

    @field_validator("otlp_endpoint")
    @classmethod
    def _check_endpoint(cls, url: HttpUrl | None) -> HttpUrl | None:
        return check_no_userinfo(url)

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                if proxy != "*":
                    ipaddress.ip_network(proxy, strict=False)
            except ValueError:
                message = f"{proxy!r} is not an address or a network such as 10.0.0.0/8"
                raise ValueError(message) from None
        return proxies

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_origin, origins))

    @field_validator("allowed_headers")
    @classmethod
    def _check_headers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_header_pattern, names))

    @field_validator("cookie")
    @classmethod
    def _check_cookie_name(cls, name: str | None) -> str | None:
        # A cookie's name is a token (RFC 6265, 4.1.1).
        if name is not None and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", name):
            message = f"{name!r} is not a cookie name: use letters, digits, - and _, such as __Host-dualstream"
            raise ValueError(message)
        return name

    @field_validator("keys")
    @classmethod
    def _check_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        check_unique([parse_stored_key(key.get_secret_value()) for key in keys])
        return keys

    @field_validator("metrics_key")
    @classmethod
    def _check_metrics_key(cls, key: SecretStr | None) -> SecretStr | None:
        return check_metrics_key(key)

    @field_validator("upstream_api_key")
    @classmethod
    def _check_upstream_api_key(cls, key: SecretStr | None) -> SecretStr | None:
        return check_header_value(key)


PLAIN_SETTINGS: Final = tuple(name for name in Settings.model_fields if name not in TABLE_SETTINGS)
"""Settings that have an environment variable each."""


def variable_name(setting: str) -> str:
    """Return the name of the environment variable of a setting."""
    return VARIABLE_PREFIX + setting.upper()
