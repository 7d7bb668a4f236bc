"""What lasts as long as a client is served: what serves it on, and its place among the streams."""

import logging

from starlette.requests import HTTPConnection

from gateway.admission.log_throttle import log_message
from gateway.admission.streams import Stream
from gateway.api.context import PRINCIPAL, address
from gateway.api.services import Services
from gateway.asgi import DEFERRED, DeferredServe
from gateway.protocol.errors import Refused
from gateway.security.principals import Principal

logger = logging.getLogger(__name__)


def enter_stream(services: Services, connection: HTTPConnection) -> Stream | None:
    """Count a connection on which events will be read, until it is over; a second time gives what the first did.

    Whoever starts a generation to stream it calls this before, so that none is started whose stream is refused.

    Raises:
        Refused: `rate_limit`.
    """
    serving: DeferredServe | None = connection.scope.get(DEFERRED)
    if serving is None:
        # Nobody would see to its leaving.
        return None
    if serving.stream is None:
        serving.stream = _entered(services, address(connection))
        claim_stream(services, serving.stream, connection.scope.get(PRINCIPAL))
    return serving.stream


def _entered(services: Services, came_from: str) -> Stream:
    try:
        return services.streams.admit(came_from)
    except Refused as refused:
        if services.streams.log_throttle.is_due(services.clock.now()):
            logger.warning("a stream from %s was refused: %s", came_from, log_message(refused))
        raise


def claim_stream(services: Services, stream: Stream | None, asking: Principal | None) -> None:
    """Count a stream as a principal's, as soon as it is known whose it is.

    Raises:
        Refused: `rate_limit`.
    """
    if stream is not None and asking is not None:
        own = asking.limits.max_streams
        general = services.streams.max_per_client.limit_for(asking.address)
        stream.claim(asking.id, general if own is None else own)
