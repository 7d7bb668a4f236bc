"""Limits of generations, connections and commands."""

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.config.checks import check_networks
from gateway.config.groups.group import SettingsGroup, Texts


class LimitSettings(SettingsGroup):
    """Limits of generations, connections and commands."""

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
    trusted_proxies: Annotated[Texts, AfterValidator(check_networks)] = Field(
        (),
        description=(
            "Addresses or networks of proxies whose X-Forwarded-For header is trusted, separated by commas; `*`: every "
            "address."
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
