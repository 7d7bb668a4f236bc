"""`/api/admin/keys`: list, create, change and revoke keys."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.admission.limits import PrincipalLimits
from gateway.api.admin.access import PREFIX, AdminAccess
from gateway.api.admin.administration import Administration
from gateway.api.admin.bodies import ChangeKey, CreateKey, KeyLimits
from gateway.api.admin.views import iso, key_view
from gateway.api.model_api.pages import page_size
from gateway.api.requests import read_json
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.billing.daily_use import NO_USE
from gateway.protocol.errors import Code, Refused, invalid
from gateway.protocol.validation import parse
from gateway.security.api_keys import StoredKey, check_name, generate_key, hash_secret
from gateway.security.key_changes import MAX_KEYS
from gateway.security.principals import Principal, Role

PATH: Final = f"{PREFIX}/keys"
DAY: Final = 86_400.0
MAX_BODY_VALUES: Final = 1000
AT_ONCE: Final = 250
"""Number of keys of a list that are prepared at once, in a few milliseconds: between them, tokens are sent."""


class KeyRoutes:
    """The keys of clients. Only the response that creates a key contains it."""

    def __init__(self, services: Services, administration: Administration, access: AdminAccess) -> None:
        self._services = services
        self._administration = administration
        self._access = access

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes."""
        # One route for each path: only so the refusal of another method names all that there are.
        return [
            Route(PATH, self.serve_all, methods=["GET", "POST"]),
            Route(f"{PATH}/{{key_id}}", self.serve_one, methods=["GET", "PATCH", "DELETE"]),
        ]

    async def serve_all(self, request: Request) -> Response:
        """List the keys, or create one."""
        return await (self.create if request.method == "POST" else self.list)(request)

    async def serve_one(self, request: Request) -> Response:
        """Show, change or revoke a key."""
        handlers = {"PATCH": self.change, "DELETE": self.revoke}
        return await handlers.get(request.method, self.get)(request)

    async def list(self, request: Request) -> Response:
        """List all keys, or a page of them, those that were created last first."""
        self._access.check(request)
        keys = sorted(self._administration.keys, key=lambda key: (-(key.created or 0.0), key.name))
        page, following = _page(keys, request.query_params)
        obstacle = self._administration.obstacle
        views: list[dict[str, object]] = []
        for start in range(0, len(page), AT_ONCE):
            views += await self._views(page[start : start + AT_ONCE])
            await asyncio.sleep(0)
        shown = {"keys": views, "next": following, "editable": obstacle is None, "problem": obstacle}
        return json_response(request, shown)

    async def get(self, request: Request) -> Response:
        """Show one key."""
        self._access.check(request)
        (shown,) = await self._views([self._find(request)])
        return json_response(request, shown)

    async def create(self, request: Request) -> Response:
        """Create a key, and show it this once."""
        operator = self._access.check(request)
        body = parse(CreateKey, await read_json(request, self._services, max_values=MAX_BODY_VALUES))
        _check_name(body.name)
        models = None if body.models is None else frozenset(body.models)
        _check_rights(operator, frozenset(body.roles), models)
        created, unix = generate_key(), float(int(self._services.clock.unix()))
        stored = StoredKey(
            *(body.name, created.id, hash_secret(created.secret), unix),
            expires=None if body.expires_in_days is None else unix + body.expires_in_days * DAY,
            models=models,
            roles=frozenset(body.roles),
            limits=PrincipalLimits(**body.limits.model_dump()),
        )
        outcome = await self._administration.add_key(stored)
        self._access.log(request, "key.create", **_facts(stored))
        (shown,) = await self._views([stored])
        answer = {**shown, "key": created.text(), "gateways": outcome.json()}
        return json_response(request, answer, HTTPStatus.CREATED, {"Location": f"{PATH}/{created.id}"})

    async def change(self, request: Request) -> Response:
        """Change limits, models, roles or expiry of a key."""
        operator = self._access.check(request)
        body = parse(ChangeKey, await read_json(request, self._services, max_values=MAX_BODY_VALUES))
        key, unix = self._find(request), float(int(self._services.clock.unix()))
        if _is_own(operator, key) and body.model_fields_set & {"roles", "models", "expires_in_days"}:
            message = "This is the key that you use: only its limits can be changed with it. Use another one."
            raise invalid(message, status=HTTPStatus.CONFLICT)
        _check_rights(operator, frozenset(body.roles or ()), key.models)
        if "models" in body.model_fields_set:
            _check_rights(operator, frozenset(), None if body.models is None else frozenset(body.models))

        def alter(former: StoredKey) -> StoredKey:
            return _altered(former, body, unix)

        changed, outcome = await self._administration.alter_key(key.id, alter)
        self._access.log(request, "key.change", **_facts(changed))
        (shown,) = await self._views([changed])
        return json_response(request, {**shown, "gateways": outcome.json()})

    async def revoke(self, request: Request) -> Response:
        """Revoke a key."""
        operator = self._access.check(request)
        key = self._find(request)
        if _is_own(operator, key):
            message = "This is the key that you use: revoke it with another one, or with `dualstream keys revoke`."
            raise invalid(message, status=HTTPStatus.CONFLICT)
        outcome = await self._administration.revoke_key(key.id)
        self._access.log(request, "key.revoke", name=key.name, id=key.id)
        return json_response(request, {"id": key.id, "name": key.name, "gateways": outcome.json()})

    def _find(self, request: Request) -> StoredKey:
        key_id = request.path_params["key_id"]
        key = next((key for key in self._administration.keys if key.id == key_id), None)
        if key is None:
            message = f"There is no key with the id {key_id[:64]!r}."
            raise invalid(message, param="key_id", status=HTTPStatus.NOT_FOUND)
        return key

    async def _views(self, keys: Sequence[StoredKey]) -> Sequence[dict[str, object]]:
        administration, budgets, unix = self._administration, self._services.hub.budgets, self._services.clock.unix()
        principals = [key.principal().id for key in keys]
        use = await administration.use(principals)
        last_used = await administration.last_used(keys)
        fixed = administration.fixed_ids()
        return [
            key_view(
                key,
                name,
                budgets=budgets,
                use=use.get(name, NO_USE),
                last_used=last_used.get(key.id),
                editable=key.id not in fixed,
                unix=unix,
            )
            for key, name in zip(keys, principals, strict=True)
        ]


def _page(keys: Sequence[StoredKey], query: Mapping[str, str]) -> tuple[Sequence[StoredKey], str | None]:
    """Return at most `limit` keys after the one of the id `after`; and the id to go on after, or None at the end.

    Raises:
        Refused: a parameter is not valid.
    """
    limit, after, start = page_size(query, "limit", MAX_KEYS, MAX_KEYS), query.get("after"), 0
    if after:
        start = 1 + next((at for at, key in enumerate(keys) if key.id == after), -1)
        if start == 0:
            message = "after: there is no key of this id any more: begin with the first page again."
            raise invalid(message, param="after", status=HTTPStatus.NOT_FOUND)
    page = keys[start : start + limit] if "limit" in query else keys[start:]
    return page, page[-1].id if start + len(page) < len(keys) else None


def _check_name(name: str) -> None:
    try:
        check_name(name)
    except ValueError as error:
        message = f"name: {error}"
        raise invalid(message, param="name") from None


def _check_rights(operator: Principal, roles: frozenset[Role], models: frozenset[str] | None) -> None:
    """Check that an operator has the rights that a key is to have. `operate` includes `observe`.

    Raises:
        Refused: `forbidden`.
    """
    if roles - operator.roles - {"observe"}:
        message = "roles: a key can't have a role that yours does not have."
        raise Refused(Code.FORBIDDEN, message, param="roles")
    if operator.models is not None and (models is None or models - operator.models):
        message = "models: your key may not use all models, so a key that you create or change must name some of yours."
        raise Refused(Code.FORBIDDEN, message, param="models")


def _is_own(operator: Principal, key: StoredKey) -> bool:
    return operator.source == "key" and operator.credential == key.credential


def _altered(key: StoredKey, body: ChangeKey, unix: float) -> StoredKey:
    given = body.model_fields_set
    if "expires_in_days" in given:
        key = replace(key, expires=None if body.expires_in_days is None else unix + body.expires_in_days * DAY)
    if "models" in given:
        key = replace(key, models=None if body.models is None else frozenset(body.models))
    if body.roles is not None:
        key = replace(key, roles=frozenset(body.roles))
    if body.limits is not None:
        key = replace(key, limits=_altered_limits(key.limits, body.limits))
    return key


def _altered_limits(limits: PrincipalLimits, given: KeyLimits) -> PrincipalLimits:
    return PrincipalLimits(**{**asdict(limits), **given.model_dump(include=given.model_fields_set)})


def _facts(key: StoredKey) -> dict[str, object]:
    """Return what the audit log says of a key."""
    limits = {name: value for name, value in asdict(key.limits).items() if value is not None}
    return {
        "name": key.name,
        "id": key.id,
        "roles": sorted(key.roles),
        "models": "all" if key.models is None else sorted(key.models),
        "limits": limits,
        "expires": iso(key.expires) or "never",
    }
