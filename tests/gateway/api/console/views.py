"""Views for the tests of the console."""

from dataclasses import replace

from gateway.api.console.view import GatewayRow, Row

GATEWAY = GatewayRow(
    name="r_1",
    version="1",
    started=1.0,
    draining=False,
    store="up",
    running=0,
    queued=0,
    streams=0,
    viewers=0,
    max_concurrent=0,
    max_queue=0,
)


def row(name: str, started: float = 0.0, **fields: object) -> Row:
    """Return a generation that runs."""
    plain = Row(
        id=name,
        gateway="r_1",
        principal="key:alice",
        transport="sse",
        dialect="native",
        model="m",
        provider=None,
        state="waiting",
        started=started,
        ttft_ms=None,
        chars=0,
        output_tokens=0,
        chars_per_s=None,
        queue_position=None,
        attempt=1,
        revision=1,
        cost_usd=None,
        viewers={},
    )
    return replace(plain, **fields)  # type: ignore[arg-type]
