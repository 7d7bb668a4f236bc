"""What clients may send, and how they are served."""

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.config.checks import check_cookie_name
from gateway.config.cross_origin import check_header_patterns, check_origins
from gateway.config.groups.group import SettingsGroup, Texts
from gateway.protocol.options import MAX_COALESCE_MS


class ClientSettings(SettingsGroup):
    """What clients may send, and how they are served."""

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
    allowed_origins: Annotated[Texts, AfterValidator(check_origins)] = Field(
        (),
        description=(
            "Origins of other sites and of apps whose pages may use the gateway, separated by commas: "
            "`https://app.example`, `tauri://localhost`, `vscode-webview://*`."
        ),
    )
    allowed_headers: Annotated[Texts, AfterValidator(check_header_patterns)] = Field(
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
    cookie: Annotated[str | None, AfterValidator(check_cookie_name)] = Field(
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
