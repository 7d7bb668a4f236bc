"""All routes of the gateway: those of the API, and those of the transports."""

from collections.abc import Iterable, Sequence
from itertools import filterfalse

from starlette.routing import BaseRoute

from gateway.api.demo_page import page_routes
from gateway.api.generations import GenerationResource
from gateway.api.middleware.command_rate import is_read_route, rate_limited
from gateway.api.models import model_routes
from gateway.api.services import Services
from gateway.api.session import SessionRoute
from gateway.api.status import status_routes
from gateway.api.tickets import TicketRoute


def all_routes(services: Services, transport_routes: Iterable[BaseRoute]) -> Sequence[BaseRoute]:
    """Return the routes. Requests count as commands, except those that only read what was started.

    The route of the interrupt counts its own requests.
    """
    transports = list(transport_routes)
    generations = GenerationResource(services)
    counted = [
        *filterfalse(is_read_route, transports),
        *generations.routes(),
        *TicketRoute(services).routes(),
        *SessionRoute(services).routes(),
        *model_routes(services.hub),
        *status_routes(services.hub),
        *page_routes(),
    ]
    # Routes are matched in this order: starts come often, interrupts seldom.
    return [*filter(is_read_route, transports), *rate_limited(services, counted), generations.interrupt_route()]
