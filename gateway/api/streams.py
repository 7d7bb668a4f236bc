"""Admit streams: each connection on which a client reads events counts against limits until it ends."""

import logging

from starlette.requests import HTTPConnection

from gateway.admission.log_throttle import log_message
from gateway.admission.streams import Stream
from gateway.api.context import PRINCIPAL, address
from gateway.api.services import Services
from gateway.asgi import DEFERRED, DeferredServe
from gateway.log_fields import log_fields
from gateway.protocol.errors import Refused
from gateway.security.principals import Principal

logger = logging.getLogger(__name__)


def enter_stream(services: Services, connection: HTTPConnection) -> Stream | None:
    """Count a connection as an open stream until it ends, and return the stream; a second call returns the same one.

    Call it before starting a generation that the connection will read, so that a refused stream starts nothing.
    Return None, and count nothing, if the scope has no `DeferredServe`: nothing would release the stream.

    Raises:
        Refused: `rate_limit`, or `shutting_down`: its client is to read from another gateway.
    """
    deferred: DeferredServe | None = connection.scope.get(DEFERRED)
    if deferred is None:
        return None
    if deferred.stream is None:
        services.hub.departures.check_open()
        deferred.stream = _admit(services, address(connection))
        claim_stream(services, deferred.stream, connection.scope.get(PRINCIPAL))
    return deferred.stream


def keep_stream(connection: HTTPConnection) -> Stream | None:
    """Return the stream of a connection that ends, which is then not released: its client comes back.

    The caller must release it. Return None if none was counted.
    """
    deferred: DeferredServe | None = connection.scope.get(DEFERRED)
    if deferred is None:
        return None
    stream, deferred.stream = deferred.stream, None
    return stream


def resume_stream(connection: HTTPConnection, stream: Stream) -> None:
    """Count a stream that was kept for the next connection of its client, which releases it at its end.

    Under an application without `DeferredServe` none was kept.
    """
    deferred: DeferredServe = connection.scope[DEFERRED]
    deferred.stream = stream


def _admit(services: Services, client_address: str) -> Stream:
    try:
        return services.streams.admit(client_address)
    except Refused as refused:
        if services.streams.log_throttle.is_due(services.clock.now()):
            fields = log_fields("stream_refused", address=client_address, code=refused.code.value)
            logger.warning("a stream from %s was refused: %s", client_address, log_message(refused), extra=fields)
        raise


def claim_stream(services: Services, stream: Stream | None, owner: Principal | None) -> None:
    """Count a stream against its principal, once the client is authenticated.

    Raises:
        Refused: `rate_limit`.
    """
    if stream is not None and owner is not None and stream.client != owner.id:
        own_limit = owner.limits.max_streams
        general_limit = services.streams.max_per_client.limit_for(owner.address)
        stream.claim(owner.id, general_limit if own_limit is None else own_limit)
