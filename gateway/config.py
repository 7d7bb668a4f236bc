"""Everything that can be set: on the command line, by `DUALSTREAM_…` environment variables, in a TOML file."""

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError, field_validator

PREFIX = "DUALSTREAM_"


class ConfigurationError(Exception):
    """The configuration can't be used; the message says which setting and what to change."""


class Settings(BaseModel):
    """The settings. Times in seconds, sizes in bytes; where 0 is allowed for a limit, it means no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")

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

    max_retained_bytes: int = Field(256 << 20, ge=1, description="How much content they may have together.")

    heartbeat: float = Field(15, gt=0, description="The longest silence on a connection to a client.")
    max_body_bytes: int = Field(4 << 20, ge=1024, description="The largest request body or WebSocket message.")
    max_generations_per_socket: int = Field(100, ge=1, description="Generations viewed at once on one WebSocket.")
    allowed_origins: tuple[str, ...] = Field(
        (), description="Origins of foreign pages that may use the gateway, separated by commas."
    )
    viewer_timeout: float = Field(30, gt=0, description="How long a client may leave what it was sent unread.")
    drain_timeout: float = Field(30, ge=0, description="How long running generations may go on after SIGTERM.")

    @field_validator("model", "allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("upstream")
    @classmethod
    def _is_a_base(cls, url: HttpUrl | None) -> HttpUrl | None:
        if url is not None and (url.query or url.fragment):
            message = "must be a base URL, without a query or fragment: paths are added to it"
            raise ValueError(message)
        return url

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

    @field_validator("upstream_api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
            message = "must be printable ASCII: is there a line break or a foreign character in it?"
            raise ValueError(message)
        return key


def load(options: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Put the settings together: options of the command line win over the environment, the environment over the file.

    Raises:
        ConfigurationError: naming each setting that is wrong, where it came from, and how.
    """
    sources: dict[str, str] = {}
    values: dict[str, object] = {}
    if file is not None:
        from_file = _read(file)
        _take(from_file, {name: f"{file}: {name}" for name in Settings.model_fields}, values, sources)
        unknown = sorted(from_file.keys() - Settings.model_fields.keys())
        if unknown:
            known = ", ".join(Settings.model_fields)
            message = f"{file}: {unknown[0]}: not a setting we know; known are: {known}"
            raise ConfigurationError(message)
    by_variable = {name: environment.get(variable(name)) for name in Settings.model_fields}
    _take(by_variable, {name: variable(name) for name in Settings.model_fields}, values, sources)
    _take(options, {name: f"--{name.replace('_', '-')}" for name in Settings.model_fields}, values, sources)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, sources)) from None


def variable(name: str) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + name.upper()


def table() -> str:
    """Write the settings as a Markdown table, as docs/configuration.md shows it."""
    lines = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
        shown = f"`{default}`" if default not in {None, ""} else "none"
        lines.append(f"| `{name}` | `{variable(name)}` | {shown} | {field.description} |")
    return "\n".join(lines)


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Find variables that look like ours but set nothing: a slip of the pen, or what a platform adds by itself."""
    known = {variable(name) for name in Settings.model_fields}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def _take(
    given: Mapping[str, object], labels: Mapping[str, str], values: dict[str, object], sources: dict[str, str]
) -> None:
    for name, value in given.items():
        if value is not None and name in labels:
            values[name] = value
            sources[name] = labels[name]


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        message = f"{file}: can't be read: {error.strerror}"
        raise ConfigurationError(message) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{file}: is not TOML: {error}"
        raise ConfigurationError(message) from None


def _explain(error: ValidationError, sources: Mapping[str, str]) -> str:
    lines = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        lines.append(f"{sources.get(name, name)}: {detail['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
