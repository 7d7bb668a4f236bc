"""Decode events as the gateway sends them; see `gateway.protocol.event_decoder`. Pure."""

from gateway.client.frames import ConnectionLost, JsonMap
from gateway.protocol import event_decoder
from gateway.protocol.events import Event


def decode(fields: JsonMap) -> Event | None:
    """Decode an event's JSON object into its class; return None for a type that only a newer gateway has.

    Fields that this version does not know are ignored.

    Raises:
        ConnectionLost: the type is known, but its fields are invalid.
    """
    try:
        return event_decoder.decode(fields)
    except event_decoder.InvalidEventError as error:
        raise ConnectionLost(str(error)) from None
