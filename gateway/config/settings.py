"""The one list of what can be set: on the command line, by `DUALSTREAM_…` environment variables, in a TOML file."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, StringConstraints, field_validator

from gateway.config.tables import JwtTable, ModelTable, ProviderTable, as_base, as_key
from gateway.security.api_keys import check_distinct, parse_stored

PREFIX: Final = "DUALSTREAM_"

NAMED: Final = ("aliases", "providers", "models")
"""Tables of the file whose keys are names that the operator gives."""

NESTED: Final = (*NAMED, "jwt")
"""Settings that are tables of the file and have neither a variable nor an option."""

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""What a start may ask for (`StartRequest.model`)."""
ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Settings(BaseModel):
    """The settings. Times in seconds, sizes in bytes; where 0 is allowed for a limit, it means no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    insecure: bool = Field(
        default=False, description="Listen on an address that others reach though anybody may then use the gateway."
    )

    keys_file: Path | None = Field(
        None, description="The file of `dualstream keys`: who may use the gateway; from the configuration's folder."
    )
    keys: tuple[SecretStr, ...] = Field(
        (), description="Keys without a file, each `name:id:hash`, separated by commas.", repr=False
    )

    upstream: HttpUrl | None = Field(
        None, description="Base URL of the provider's API. Without it a built-in simulator answers."
    )
    upstream_api: Literal["openai", "openai-responses", "anthropic", "gemini"] = Field(
        "openai",
        description=(
            "Which API that is: chat completions as OpenAI and most others have them, OpenAI's Responses, "
            "Anthropic's Messages or Google's Gemini."
        ),
    )
    upstream_api_key: SecretStr | None = Field(None, description="The key sent to the upstream.")
    upstream_connections: int = Field(0, ge=0, description="Connections to the upstream at once.")
    provider: str = Field("upstream", min_length=1, description="What clients are shown as the provider's name.")
    model: tuple[str, ...] = Field(
        (), description="Models that clients may ask for, separated by commas; the first is the default. None: any."
    )

    default_model: ModelName | None = Field(
        None, description="The model of a start that names none. None: the first one."
    )
    budget_per_day: float = Field(0, ge=0, description="What one client may spend in a UTC day, in US dollars.")

    max_concurrent: int = Field(50, ge=0, description="Generations that run at once.")
    max_concurrent_per_client: int = Field(0, ge=0, description="Generations of one client that run at once.")
    max_queue: int = Field(200, ge=0, description="Generations that may wait for a slot.")
    queue_timeout: float = Field(30, ge=0, description="How long a generation may wait for a slot.")
    rate_limit_per_minute: int = Field(500, ge=0, description="Generations that one client may start in a minute.")
    rate_limit_burst: int = Field(50, ge=1, description="How many of them at once.")
    output_tokens_per_minute: int = Field(0, ge=0, description="Output tokens for one client in a minute.")
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses of proxies whose X-Forwarded-For is believed, separated by commas; * believes anybody.",
    )

    max_connections: int = Field(0, ge=0, description="Connections at once. 0: as many as open files allow.")
    max_connections_per_address: int | None = Field(
        None,
        ge=0,
        description=(
            "The same from one address; trusted proxies may have any number. None: 500, and no limit for this "
            "machine's own."
        ),
    )
    max_streams_per_client: int | None = Field(
        None,
        ge=0,
        description=(
            "Streams and WebSockets that one client reads at once. None: 1000, and without keys no limit for this "
            "machine's own addresses."
        ),
    )
    max_streams_per_address: int | None = Field(
        None,
        ge=0,
        description=(
            "The same from one address, behind trusted proxies as they forward it. None: 500, and no limit for this "
            "machine's own."
        ),
    )
    max_commands_per_second: int | None = Field(
        None,
        ge=0,
        description=(
            "Messages on one WebSocket, and one client's requests, but those that read on; twice as many at "
            "once. None: 100, and without keys no limit for this machine's own addresses."
        ),
    )

    connect_timeout: float = Field(10, gt=0, description="How long connecting to the upstream may take.")
    first_token_timeout: float = Field(300, ge=0, description="How long the first content may take.")
    stall_timeout: float = Field(300, ge=0, description="How long a running answer may stay without new content.")
    total_timeout: float = Field(3600, ge=0, description="How long one generation may take, from its first call on.")
    min_chars_per_second: float = Field(0, ge=0, description="How slow a running answer may be, over ten seconds.")
    max_attempts: int = Field(4, ge=1, description="Calls made for one answer before its first content, the first too.")
    retry_base: float = Field(1, ge=0, description="The longest wait before the first retry; doubled for each further.")
    retry_longest: float = Field(10, ge=0, description="The longest wait before any retry.")
    retry_within: float = Field(60, ge=0, description="How long after the first call a retry may still begin.")
    breaker_failures: int = Field(5, ge=0, description="Failures in a row after which the upstream is left alone.")
    breaker_rest: float = Field(5, gt=0, description="For how long; doubled for each probe that fails, up to 60.")
    max_output_bytes: int = Field(2 << 20, ge=1, description="How much content one generation may have.")

    on_disconnect: Literal["grace", "cancel", "continue"] = Field(
        "grace", description="What becomes of a generation whose last viewer left."
    )
    grace: float = Field(5, ge=0, description="How long a viewer may stay away with `on_disconnect = grace`.")
    retention: float = Field(300, ge=0, description="How long a finished generation can be read.")
    max_retained: int = Field(10_000, ge=1, description="How many finished generations are held at most.")

    max_retained_bytes: int = Field(
        256 << 20, ge=1, description="How much they may take together: content, feedback, metadata."
    )

    heartbeat: float = Field(15, gt=0, description="The longest silence on a connection to a client.")
    max_body_bytes: int = Field(4 << 20, ge=1024, description="The largest request body or WebSocket message.")
    max_generations_per_socket: int = Field(100, ge=1, description="Generations viewed at once on one WebSocket.")
    allowed_origins: tuple[str, ...] = Field(
        (), description="Origins of foreign pages that may use the gateway, separated by commas."
    )
    cookie: str | None = Field(
        None, description="The name of a cookie in which browsers may show a key or token, such as `__Host-dualstream`."
    )
    viewer_timeout: float = Field(30, gt=0, description="How long a client may leave what it was sent unread.")
    drain_timeout: float = Field(30, ge=0, description="How long running generations may go on after SIGTERM.")

    aliases: dict[ModelName, ModelName] = Field({}, description="Other names of models.")
    providers: dict[ProviderName, ProviderTable] = Field({}, description="Where models are asked, beside the presets.")
    models: dict[ModelName, ModelTable] = Field({}, description="The models that clients may ask for.")
    jwt: JwtTable | None = Field(None, description="Which JSON Web Tokens are taken.")

    @property
    def guarded(self) -> bool:
        """Tell whether only those come in who are known."""
        return bool(self.keys or self.keys_file or self.jwt)

    @field_validator("model", "allowed_origins", "trusted_proxies", "keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("upstream")
    @classmethod
    def _is_a_base(cls, url: HttpUrl | None) -> HttpUrl | None:
        return as_base(url)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
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
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not re.fullmatch(r"https?://[^/\s*]+", origin):
                message = f"{origin!r} is not an origin: write https://host or https://host:port, no path, no *"
                raise ValueError(message)
        return origins

    @field_validator("cookie")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        # A token (RFC 6265, 4.1.1).
        if name is not None and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", name):
            message = f"{name!r} is not a cookie's name: write letters, digits, - and _, such as __Host-dualstream"
            raise ValueError(message)
        return name

    @field_validator("keys")
    @classmethod
    def _are_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        check_distinct([parse_stored(key.get_secret_value()) for key in keys])
        return keys

    @field_validator("upstream_api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        return as_key(key)


PLAIN: Final = tuple(name for name in Settings.model_fields if name not in NESTED)
"""Settings that have a variable each."""


def variable(name: str) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + name.upper()
