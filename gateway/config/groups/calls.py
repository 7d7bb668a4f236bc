"""Timeouts, retries and sizes of calls to upstreams."""

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.config.checks import check_proxy
from gateway.config.groups.group import SettingsGroup
from gateway.net.proxy import DIRECT
from gateway.upstreams.base import DEFAULT_EVENT_BYTES, DEFAULT_OUTPUT_BYTES, MAX_EVENT_BYTES


class CallSettings(SettingsGroup):
    """Timeouts, retries and sizes of calls to upstreams."""

    connect_timeout: float = Field(
        10,
        gt=0,
        description="Maximum seconds to connect to an upstream: its name, TCP, a proxy's tunnel and TLS together.",
    )
    upstream_proxy: Annotated[str, AfterValidator(check_proxy)] = Field(
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
