"""Keys and budgets as the admin API shows them."""

from datetime import UTC, datetime

from gateway.billing.budgets import Budgets
from gateway.billing.daily_use import Use
from gateway.security.api_keys import StoredKey


def iso(unix: float | None) -> str | None:
    """Return a time of seconds since 1970 in ISO 8601, in UTC."""
    return None if unix is None else datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_view(
    key: StoredKey, principal: str, *, budgets: Budgets, use: Use, last_used: float | None, editable: bool, unix: float
) -> dict[str, object]:
    """Return a key without its hash, and what it has used today. Lists are long: it copies no dataclass."""
    budget = budgets.limit(key.limits.budget_per_day)
    left = budgets.remaining(principal, unix, key.limits.budget_per_day) if budget else None
    return {
        "id": key.id,
        "name": key.name,
        "principal": principal,
        "roles": sorted(key.roles),
        "models": None if key.models is None else sorted(key.models),
        "limits": key.limits,
        "created": iso(key.created),
        "expires": iso(key.expires),
        "last_used": iso(last_used),
        "editable": editable,
        "today": {
            "requests": use.requests,
            "input_tokens": use.input_tokens,
            "output_tokens": use.output_tokens,
            "cost_usd": round(use.cost_usd, 6),
            "budget_usd": budget or None,
            "budget_left_usd": None if left is None else round(left, 6),
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
