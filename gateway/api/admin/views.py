"""Keys and budgets as the admin API shows them."""

from dataclasses import asdict
from datetime import UTC, datetime

from gateway.billing.budgets import Budgets
from gateway.billing.daily_use import Use
from gateway.security.api_keys import StoredKey


def iso(unix: float | None) -> str | None:
    """Return a time of seconds since 1970 in ISO 8601, in UTC."""
    return None if unix is None else datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_view(
    key: StoredKey, *, budgets: Budgets, use: Use, last_used: float | None, editable: bool, unix: float
) -> dict[str, object]:
    """Return a key without its hash, and what it has used today."""
    budget = budgets.limit(key.limits.budget_per_day)
    left = budgets.remaining(key.principal().id, unix, key.limits.budget_per_day)
    return {
        "id": key.id,
        "name": key.name,
        "principal": key.principal().id,
        "roles": sorted(key.roles),
        "models": None if key.models is None else sorted(key.models),
        "limits": asdict(key.limits),
        "created": iso(key.created),
        "expires": iso(key.expires),
        "last_used": iso(last_used),
        "editable": editable,
        "today": {
            **asdict(use),
            "cost_usd": round(use.cost_usd, 6),
            "budget_usd": budget or None,
            "budget_left_usd": round(left, 6) if budget else None,
        },
    }


def budget_view(principal: str, own_limit: float | None, budgets: Budgets, unix: float) -> dict[str, object]:
    """Return what a principal may spend on this day, and what it has spent."""
    granted = budgets.granted(principal, unix)
    return {
        "principal": principal,
        "limit_usd": budgets.limit(own_limit),
        "granted_usd": round(granted, 6),
        # A grant counts as negative spending; see `Budgets.grant`.
        "spent_usd": round(budgets.spent(principal, unix) + granted, 6),
        "left_usd": round(budgets.remaining(principal, unix, own_limit), 6),
    }
