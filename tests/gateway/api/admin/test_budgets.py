"""Budgets over the admin API."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.admission.limits import PrincipalLimits
from gateway.billing.budgets import DAY
from gateway.config import Settings
from gateway.security.api_keys import StoredKey, hash_secret
from gateway.security.key_file import write_keys
from tests.gateway.api.admin.test_keys import ask
from tests.served.clients import BODY, KEYS, Clients, clients, stored_key
from tests.served.gateway import Served

__all__ = ["clients"]

PATH = "/api/admin/budgets"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    file, alice = tmp_path / "keys.toml", KEYS["alice"]
    limited = StoredKey("alice", alice.id, hash_secret(alice.secret), limits=PrincipalLimits(budget_per_day=5.0))
    write_keys(file, [limited, stored_key("bob"), stored_key("operator")])
    price = {"input": 0, "output": 0}
    models = {"m": {"provider": "ollama", "price": price}}
    named = Settings.model_validate({"models": models, "keys_file": file})
    return settings.model_copy(update={"keys_file": file, "models": named.models, "model": ()})


async def test_a_budget_is_listed_reset_and_raised(served: Served, clients: Clients) -> None:
    operator, budgets = clients.named("operator"), served.hub.budgets
    budgets.spend("key:alice", 5.0, served.clock.unix(), 5.0)
    async with clients.named("alice").post("/api/generations", json=BODY) as response:
        assert response.status == 402
    status, listed = await ask(operator, "GET", PATH)
    assert status == 200
    row = {"principal": "key:alice", "limit_usd": 5.0, "granted_usd": 0.0, "spent_usd": 5.0, "left_usd": 0.0}
    assert listed["budgets"] == [row]
    assert datetime.fromisoformat(listed["renewed"]) == datetime.fromisoformat(f"{listed['day']}T00:00Z") + timedelta(1)
    status, raised = await ask(operator, "POST", f"{PATH}/raise", {"principal": "key:alice", "usd": 2.5})
    assert (status, raised) == (200, {**row, "granted_usd": 2.5, "left_usd": 2.5})
    async with clients.named("alice").post("/api/generations", json=BODY) as response:
        assert response.status == 201
    budgets.spend("key:alice", 0.5, served.clock.unix(), 5.0)
    _, reset = await ask(operator, "POST", f"{PATH}/reset", {"principal": "key:alice"})
    assert reset["left_usd"] == pytest.approx(5.0)
    assert (reset["spent_usd"], reset["granted_usd"]) == (pytest.approx(5.5, abs=0.01), pytest.approx(5.5, abs=0.01))
    _, keys = await ask(operator, "GET", f"/api/admin/keys/{KEYS['alice'].id}")
    assert keys["today"]["budget_usd"] == 5.0
    assert keys["today"]["budget_left_usd"] == pytest.approx(5.0)
    # Tomorrow nothing of it is left.
    served.clock.pause(DAY)
    _, listed = await ask(operator, "GET", PATH)
    assert listed["budgets"] == [{**row, "spent_usd": 0.0, "left_usd": 5.0}]


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("reset", {"principal": "key:nobody"}, 404, "principal"),
        ("reset", {"principal": "alice"}, 404, "principal"),
        ("reset", {"principal": "key:bob"}, 409, "principal"),
        ("reset", {"principal": "token:someone"}, 409, "principal"),
        ("reset", {}, 400, "principal"),
        ("raise", {"principal": "key:alice", "usd": 0}, 400, "usd"),
        ("raise", {"principal": "key:alice", "usd": 1e7}, 400, "usd"),
        ("raise", {"principal": "key:alice"}, 400, "usd"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(
    clients: Clients, path: str, body: dict[str, object], status: int, param: str
) -> None:
    refused, answer = await ask(clients.named("operator"), "POST", f"{PATH}/{path}", body)
    assert (refused, answer["error"]["param"]) == (status, param)
