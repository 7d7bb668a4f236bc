"""All routes of the admin API."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from gateway.api.admin.access import AdminAccess
from gateway.api.admin.administration import Administration
from gateway.api.admin.budgets import BudgetRoutes
from gateway.api.admin.keys import KeyRoutes
from gateway.api.admin.reload import ReloadRoute
from gateway.api.services import Services


def admin_routes(services: Services, administration: Administration) -> Sequence[BaseRoute]:
    """Build the routes."""
    access = AdminAccess(services)
    return [
        *KeyRoutes(services, administration, access).routes(),
        *BudgetRoutes(services, administration, access).routes(),
        *ReloadRoute(administration, access).routes(),
    ]
