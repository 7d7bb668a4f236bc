"""The interface of a transport. It adds framing to events, and nothing else: names, order and meaning are the log's."""

from collections.abc import Sequence
from typing import Protocol

from starlette.routing import BaseRoute

from gateway.api.services import Services


class Transport(Protocol):
    """A way for events to reach clients: a class that is called without arguments, named in the entry points."""

    name: str

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the routes by which clients connect."""
        ...
