"""`/api/admin/budgets`: what principals may spend today, and have spent; reset or raise it for the rest of the day."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.admin.access import PREFIX, AdminAccess
from gateway.api.admin.administration import Administration
from gateway.api.admin.bodies import RaiseBudget, ResetBudget
from gateway.api.admin.views import budget_view, iso
from gateway.api.requests import read_json
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.protocol.errors import invalid
from gateway.protocol.validation import parse
from gateway.security.principals import SOURCES
from gateway.store.errors import StoreError

PATH: Final = f"{PREFIX}/budgets"
MAX_LISTED: Final = 10_000
"""Maximum number of budgets of a list, those with the least left first."""


class BudgetRoutes:
    """The budgets of the day."""

    def __init__(self, services: Services, administration: Administration, access: AdminAccess) -> None:
        self._services = services
        self._administration = administration
        self._access = access

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes."""
        return [
            Route(PATH, self.list),
            Route(f"{PATH}/reset", self.reset, methods=["POST"]),
            Route(f"{PATH}/raise", self.increase, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """List the budgets of keys, and of others that have spent something."""
        self._access.check(request)
        budgets, unix, own = self._services.hub.budgets, self._services.clock.unix(), self._own_limits()
        names = [name for name in {**own, **dict.fromkeys(budgets.known(unix))} if budgets.limit(own.get(name))]
        await self._read(names)
        rows = [budget_view(name, own.get(name), budgets, unix) for name in names]
        rows.sort(key=lambda row: (row["left_usd"], row["principal"]))
        day = datetime.fromtimestamp(budgets.start_day(unix) * 86_400, UTC).date().isoformat()
        shown = {"day": day, "renewed": iso(budgets.renewed_at(unix)), "budgets": rows[:MAX_LISTED]}
        return json_response(request, shown)

    async def reset(self, request: Request) -> Response:
        """Grant a principal what it has spent, so that its budget is whole again."""
        self._access.check(request)
        name = parse(ResetBudget, await read_json(request, self._services)).principal
        self._check(name)
        await self._read([name])
        spent = self._services.hub.budgets.spent(name, self._services.clock.unix())
        # A raise that is not used up stays.
        return await self._grant(request, "budget.reset", name, max(0.0, spent))

    async def increase(self, request: Request) -> Response:
        """Grant a principal more than its budget."""
        self._access.check(request)
        body = parse(RaiseBudget, await read_json(request, self._services))
        self._check(body.principal)
        await self._read([body.principal])
        return await self._grant(request, "budget.raise", body.principal, body.usd)

    async def _grant(self, request: Request, action: str, name: str, dollars: float) -> Response:
        budgets, unix = self._services.hub.budgets, self._services.clock.unix()
        if dollars:
            budgets.grant(name, dollars, unix)
        self._access.log(request, action, principal_of_budget=name, usd=round(dollars, 6))
        shared = self._services.generations.shared
        if shared is not None:
            # Without the store, the others learn of it later.
            with suppress(StoreError):
                await shared.budgets.synchronize()
        return json_response(request, budget_view(name, self._own_limits().get(name), budgets, unix))

    async def _read(self, names: Sequence[str]) -> None:
        """Read what all gateways have charged; without the store, what is known here counts."""
        shared = self._services.generations.shared
        if shared is not None:
            with suppress(StoreError):
                await shared.budgets.read(names)

    def _own_limits(self) -> Mapping[str, float | None]:
        return {key.principal().id: key.limits.budget_per_day for key in self._administration.keys}

    def _check(self, name: str) -> None:
        """Check that a principal has a budget.

        Raises:
            Refused: it has none, or there is no such principal.
        """
        source, _, rest = name.partition(":")
        own = self._own_limits()
        if source not in SOURCES or not rest or (source == "key" and name not in own):
            message = f"There is no principal {name[:64]!r}; one is named as in GET {PATH}, such as key:alice."
            raise invalid(message, param="principal", status=HTTPStatus.NOT_FOUND)
        if not self._services.hub.budgets.limit(own.get(name)):
            message = f"{name[:64]} has no budget: set budget_per_day, in the configuration or for its key."
            raise invalid(message, param="principal", status=HTTPStatus.CONFLICT)
