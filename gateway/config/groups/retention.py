"""How long generations run without a viewer, and how long they are kept."""

from typing import Literal

from pydantic import Field

from gateway.config.groups.group import SettingsGroup


class RetentionSettings(SettingsGroup):
    """How long generations run without a viewer, and how long they are kept."""

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
