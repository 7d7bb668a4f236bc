"""Who may use the admin API, and the audit log."""

import logging
from pathlib import Path

import pytest
from starlette.requests import Request

from gateway.api.admin.access import _refusal
from gateway.api.context import ORIGIN
from gateway.config import Settings
from gateway.security.principals import anonymous
from tests.gateway.api.admin.test_keys import PATH, ask
from tests.served.clients import KEYS, Clients, clients, keys_file, with_keys
from tests.served.gateway import Served

__all__ = ["clients", "keys_file"]

PAGE = "https://app.example"
ROUTES = [
    ("GET", PATH),
    ("POST", PATH),
    ("GET", f"{PATH}/x"),
    ("PATCH", f"{PATH}/x"),
    ("DELETE", f"{PATH}/x"),
    ("GET", "/api/admin/budgets"),
    ("POST", "/api/admin/budgets/reset"),
    ("POST", "/api/admin/budgets/raise"),
    ("POST", "/api/admin/reload"),
]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file).model_copy(update={"allowed_origins": (PAGE,), "cookie": "__Host-c"})


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_requires_the_role(clients: Clients, method: str, path: str) -> None:
    for name in ("alice", "watcher"):
        status, answer = await ask(clients.named(name), method, path)
        assert (status, answer["error"]["code"]) == (403, "forbidden")
        assert "'operate'" in answer["error"]["message"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_page_of_another_origin_gets_in_with_an_operators_cookie(
    clients: Clients, served: Served, method: str, path: str
) -> None:
    cookie = f"__Host-c={KEYS['operator'].text()}"
    for origin, name in (("https://evil.example", "evil"), (PAGE, "allowed")):
        async with served.http.request(method, path, headers={"Cookie": cookie, "Origin": origin}) as response:
            assert response.status == 403, name
    async with served.http.get(PATH, headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}) as response:
        assert response.status == 200
    async with served.http.get(PATH, headers={"Cookie": cookie}) as response:
        assert response.status == 403


async def test_each_change_is_logged_with_who_and_from_where_and_no_key(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    operator = clients.named("operator")
    status, created = await ask(
        operator, "POST", PATH, {"name": "carol", "models": ["m"], "limits": {"max_streams": 2}}
    )
    assert status == 201
    await ask(operator, "PATCH", f"{PATH}/{created['id']}", {"roles": ["observe"]})
    await ask(operator, "DELETE", f"{PATH}/{created['id']}")
    lines = [record for record in caplog.records if hasattr(record, "audit")]
    assert [record.getMessage() for record in lines] == [
        f"admin: key:operator at 127.0.0.1: key.create name=carol id={created['id']} roles=- models=m "
        "limits=max_streams:2 expires=never",
        f"admin: key:operator at 127.0.0.1: key.change name=carol id={created['id']} roles=observe models=m "
        "limits=max_streams:2 expires=never",
        f"admin: key:operator at 127.0.0.1: key.revoke name=carol id={created['id']}",
    ]
    # No setting that asks for fewer lines hides them.
    assert all(record.levelno == logging.WARNING for record in lines)
    secret = created["key"].split("_", 2)[2]
    assert secret not in caplog.text
    audit = lines[0].audit
    assert audit.items() >= {"action": "key.create", "principal": "key:operator", "address": "127.0.0.1"}.items()
    assert audit["request_id"].startswith("r_")


async def test_a_value_can_not_look_like_several(clients: Clients, caplog: pytest.LogCaptureFixture) -> None:
    body = {"name": "carol", "models": ["m limits=- expires=never"]}
    status, created = await ask(clients.named("operator"), "POST", PATH, body)
    assert status == 201
    [line] = [record.getMessage() for record in caplog.records if hasattr(record, "audit")]
    assert f'id={created["id"]} roles=- models="m limits=- expires=never" limits=- expires=never' in line


async def test_refusals_are_logged_and_can_not_flood_the_log(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await ask(clients.named("alice"), "DELETE", f"{PATH}/x")
    (line,) = [message for message in caplog.messages if message.startswith("admin: ")]
    assert line.startswith("admin: key:alice at 127.0.0.1 refused: This needs the role 'operate'")


def test_without_keys_only_this_machine_gets_in() -> None:
    request = Request({"type": "http", "headers": [], ORIGIN: ""})
    assert _refusal(anonymous("127.0.0.1"), request) is None
    assert _refusal(anonymous("::1"), request) is None
    refused = _refusal(anonymous("10.0.0.7"), request)
    assert refused is not None
    assert "configure keys" in refused.message
