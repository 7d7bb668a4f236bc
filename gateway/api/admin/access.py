"""Who may use the admin API, and the audit log: who has done what, and from where. No entry contains a key."""

import logging
from typing import Final

from starlette.requests import Request

from gateway.api.context import ORIGIN, address, principal
from gateway.api.requests import request_id
from gateway.api.services import Services
from gateway.log_fields import log_fields
from gateway.log_throttle import KeyedLogThrottle
from gateway.net.addresses import is_loopback_address
from gateway.protocol.errors import Code, Refused, forbidden
from gateway.security.principals import Principal
from gateway.telemetry.logs.format import quoted

PREFIX: Final = "/api/admin"

logger = logging.getLogger(__name__)


class AdminAccess:
    """Checks who sends a request to the admin API, and writes the audit log."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._refusals = KeyedLogThrottle()

    def check(self, request: Request) -> Principal:
        """Return the principal of a request that may use the admin API.

        Raises:
            Refused: `forbidden`.
        """
        operator = principal(request)
        refused = _refusal(operator, request)
        if refused is None:
            return operator
        if self._refusals.is_due(operator.id, self._services.clock.now()):
            extra = log_fields("admin_refused", principal=operator.id, address=address(request), reason=refused.message)
            logger.warning("admin: %s refused: %s", _who(request, operator), refused.message, extra=extra)
        raise refused

    def log(self, request: Request, action: str, **facts: object) -> None:
        """Log what an operator has changed. A level for warnings: no setting that asks for fewer lines may hide it."""
        described = " ".join(f"{name}={_shown(value)}" for name, value in facts.items() if value is not None)
        operator = principal(request)
        audit = {"action": action, "principal": operator.id, "address": address(request)}
        extra = log_fields("admin_action", audit={**audit, "request_id": request_id(request), **facts})
        logger.warning("admin: %s: %s %s", _who(request, operator), action, described, extra=extra)


def _refusal(operator: Principal, request: Request) -> Refused | None:
    if not operator.operates:
        return forbidden("operate")
    if operator.address and not is_loopback_address(operator.address):
        message = "Without keys, only this machine may use the admin API: configure keys, one with the role operate."
        return Refused(Code.FORBIDDEN, message)
    if request.scope[ORIGIN]:
        # An allowed page may chat for its users. A script that someone has smuggled into it must not create keys with
        # the cookie of an operator.
        message = "The admin API is not open to pages of other origins: use a page of the gateway, or a program."
        return Refused(Code.FORBIDDEN, message, param="Origin")
    return None


def _who(request: Request, operator: Principal) -> str:
    """Return who sends a request, and from where."""
    if operator.address:
        return operator.id
    return f"{quoted(operator.id)} at {address(request)}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}:{_shown(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list | tuple | frozenset | set):
        return ",".join(map(_shown, value)) or "-"
    return quoted(str(value))
