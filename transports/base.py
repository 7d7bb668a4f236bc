"""What a transport is."""

from collections.abc import Sequence
from typing import Protocol

from starlette.routing import BaseRoute

from gateway.api.services import Services


class Transport(Protocol):
    """A way for events to reach a client."""

    name: str

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Give the routes by which clients come."""
        ...
