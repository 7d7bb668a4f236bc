"""Keys over the admin API: what is created is accepted at once, what is revoked is refused at once."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from gateway.api.admin.keys import AT_ONCE
from gateway.config import Settings
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_file import read_keys, write_keys
from tests.gateway.security.issuer import token
from tests.served.clients import BODY, KEYS, Clients, clients, keys_file, stored_key, with_keys
from tests.served.gateway import Served
from tests.served.viewers import JsonObject

__all__ = ["clients", "keys_file"]

PATH = "/api/admin/keys"


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    async with client.request(method, path, json=body) as response:
        answer: dict[str, Any] = await response.json()
        return response.status, answer


async def status_of(clients: Clients, key: str) -> int:
    async with clients.session(key).get("/api/models") as response:
        return response.status


async def test_a_created_key_is_accepted_at_once_and_shown_once(clients: Clients, keys_file: Path) -> None:
    operator = clients.named("operator")
    limits = {"budget_per_day": None, "max_streams": 3, "rate_limit_per_minute": 2.0}
    body = {"name": "carol", "roles": ["observe"], "models": ["m"], "limits": limits, "expires_in_days": 30}
    async with operator.post(PATH, json=body) as response:
        assert response.status == 201
        created = await response.json()
        assert response.headers["Location"] == f"{PATH}/{created['id']}"
        assert response.headers["Cache-Control"] == "no-store"
    assert await status_of(clients, created["key"]) == 200
    assert (created["name"], created["principal"], created["roles"], created["models"]) == (
        *("carol", "key:carol", ["observe"], ["m"]),
    )
    assert created["limits"]["max_streams"] == 3
    assert created["gateways"] == {"applied": 1, "failed": []}
    stored = next(key for key in read_keys(keys_file) if key.name == "carol")
    assert (stored.id, stored.limits.rate_limit_per_minute) == (created["id"], 2)
    assert created["key"].endswith("_" + created["key"].split("_", 2)[2])
    assert hash_secret(created["key"].split("_", 2)[2]) == stored.hash
    assert stored.expires is not None
    assert stored.created is not None
    assert stored.expires - stored.created == 30 * 86_400
    status, shown = await ask(operator, "GET", f"{PATH}/{created['id']}")
    assert status == 200
    assert shown == {name: value for name, value in created.items() if name not in {"key", "gateways"}} | {
        "last_used": shown["last_used"]
    }
    assert shown["last_used"] is not None
    _, listed = await ask(operator, "GET", PATH)
    assert listed["keys"][0] == shown
    assert {key["name"] for key in listed["keys"]} == {*KEYS, "carol"}
    assert (listed["editable"], listed["problem"]) == (True, None)
    assert stored.hash not in str(listed)


async def test_a_list_is_read_in_pages(clients: Clients) -> None:
    operator = clients.named("operator")
    _, whole = await ask(operator, "GET", PATH)
    assert whole["next"] is None
    names: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        status, page = await ask(operator, "GET", f"{PATH}?limit=2&after={after}")
        assert (status, page["editable"]) == (200, True)
        names.append([key["name"] for key in page["keys"]])
        after = page["next"]
    assert [len(page) for page in names[:-1]] == [2] * (len(names) - 1)
    assert [name for page in names for name in page] == [key["name"] for key in whole["keys"]]
    _, rest = await ask(operator, "GET", f"{PATH}?after={whole['keys'][0]['id']}")
    assert [key["id"] for key in rest["keys"]] == [key["id"] for key in whole["keys"][1:]]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "limit=-1"])
async def test_a_page_of_another_size_is_refused(clients: Clients, query: str) -> None:
    status, answer = await ask(clients.named("operator"), "GET", f"{PATH}?{query}")
    assert (status, answer["error"]["param"]) == (400, "limit")


async def test_there_is_no_page_after_a_key_that_is_gone(clients: Clients) -> None:
    status, answer = await ask(clients.named("operator"), "GET", f"{PATH}?after=absent")
    assert (status, answer["error"]["param"]) == (404, "after")


async def test_a_long_list_is_prepared_in_parts(clients: Clients, served: Served, keys_file: Path) -> None:
    many = [StoredKey(f"k{at}", f"{at:08d}", hash_secret("x"), float(at)) for at in range(2 * AT_ONCE)]
    write_keys(keys_file, [*read_keys(keys_file), *many])
    await served.reloader.reload_keys()
    _, listed = await ask(clients.named("operator"), "GET", PATH)
    assert len(listed["keys"]) == len(many) + len(KEYS)
    assert len({key["id"] for key in listed["keys"]}) == len(listed["keys"])


async def test_a_revoked_key_is_refused_at_once(clients: Clients, keys_file: Path) -> None:
    operator, bob = clients.named("operator"), KEYS["bob"]
    assert await status_of(clients, bob.text()) == 200
    async with clients.socket(bob.text()) as socket:
        status, answer = await ask(operator, "DELETE", f"{PATH}/{bob.id}")
        assert (status, answer) == (200, {"id": bob.id, "name": "bob", "gateways": {"applied": 1, "failed": []}})
        assert await status_of(clients, bob.text()) == 401
        await socket.send_json({"type": "start", "id": "1", **BODY})
        assert (await socket.receive_json())["code"] == "auth_error"
    assert "bob" not in {key.name for key in read_keys(keys_file)}
    assert (await ask(operator, "DELETE", f"{PATH}/{bob.id}"))[0] == 404


async def test_only_what_is_given_changes(clients: Clients) -> None:
    operator, small = clients.named("operator"), KEYS["small"]
    path = f"{PATH}/{small.id}"
    status, changed = await ask(operator, "PATCH", path, {"limits": {"max_concurrent": None, "max_streams": 7}})
    assert status == 200
    limits = changed["limits"]
    assert (limits["rate_limit_per_minute"], limits["max_concurrent"], limits["max_streams"]) == (2, None, 7)
    assert (changed["models"], changed["expires"]) == (["n"], None)
    _, changed = await ask(operator, "PATCH", path, {"models": None, "expires_in_days": 1, "roles": ["observe"]})
    assert (changed["models"], changed["roles"], changed["limits"]) == (None, ["observe"], limits)
    assert changed["expires"] is not None
    _, changed = await ask(operator, "PATCH", path, {"expires_in_days": None, "roles": []})
    assert (changed["expires"], changed["roles"]) == (None, [])
    assert (await ask(operator, "PATCH", path, {}))[0] == 200
    # The new limits hold at once.
    async with clients.named("small").post("/api/generations", json={**BODY, "model": "m"}) as response:
        assert response.status == 201


async def test_the_use_of_a_key_is_counted(served: Served, clients: Clients) -> None:
    operator, alice = clients.named("operator"), clients.named("alice")
    path = f"{PATH}/{KEYS['alice'].id}"
    assert (await ask(operator, "GET", path))[1]["last_used"] is None
    async with alice.post("/api/generations", json={**BODY, "model": "m"}) as response:
        assert response.status == 201
    await served.called()
    served.upstream.last.send("Hello there")
    served.upstream.last.finish()
    await served.hub._idle.wait()
    _, shown = await ask(operator, "GET", path)
    assert shown["last_used"] is not None
    today = shown["today"]
    assert (today["requests"], today["budget_usd"], today["budget_left_usd"]) == (1, None, None)
    assert today["output_tokens"] > 0


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"name": "alice"}, 409, "name"),
        ({"name": "x" * 65}, 400, "name"),
        ({"name": "a b"}, 400, "name"),
        ({}, 400, "name"),
        ({"name": "x", "roles": ["admin"]}, 400, "roles[0]"),
        ({"name": "x", "models": []}, 400, "models"),
        ({"name": "x", "models": ["m"] * 101}, 400, "models"),
        ({"name": "x", "limits": {"rate": 1}}, 400, "limits.rate"),
        ({"name": "x", "limits": {"max_streams": -1}}, 400, "limits.max_streams"),
        ({"name": "x", "expires_in_days": 0}, 400, "expires_in_days"),
        ({"name": "x", "hash": "0" * 64}, 400, "hash"),
        # The models of this gateway have no prices.
        ({"name": "x", "limits": {"budget_per_day": 1}}, 409, None),
    ],
)
async def test_what_is_wrong_is_refused_by_name(
    clients: Clients, keys_file: Path, body: JsonObject, status: int, param: str | None
) -> None:
    before = read_keys(keys_file)
    refused, answer = await ask(clients.named("operator"), "POST", PATH, body)
    assert (refused, answer["error"]["param"]) == (status, param)
    assert read_keys(keys_file) == before


async def test_a_key_in_place_of_a_name_is_not_repeated(clients: Clients) -> None:
    key = generate_key().text()
    status, answer = await ask(clients.named("operator"), "POST", PATH, {"name": key})
    assert (status, answer["error"]["param"]) == (400, "name")
    assert key not in str(answer)


async def test_an_operator_gives_no_more_rights_than_its_own(clients: Clients) -> None:
    # A token with the role, and with one model.
    limited = clients.session(token({"roles": ["operate"], "models": ["m"]}))
    assert (await ask(limited, "POST", PATH, {"name": "x"}))[0] == 403
    assert (await ask(limited, "POST", PATH, {"name": "x", "models": ["m", "n"]}))[0] == 403
    assert (await ask(limited, "POST", PATH, {"name": "x", "models": ["m"], "roles": ["operate"]}))[0] == 201
    alice = f"{PATH}/{KEYS['alice'].id}"
    for body in ({"models": None}, {"models": ["n"]}, {"limits": {"max_streams": 1}}):
        assert (await ask(limited, "PATCH", alice, body))[0] == 403


@pytest.mark.parametrize(("method", "path"), [("DELETE", "{own}"), ("PATCH", "{own}")])
async def test_an_operator_can_not_lock_itself_out(clients: Clients, method: str, path: str) -> None:
    own, operator = f"{PATH}/{KEYS['operator'].id}", clients.named("operator")
    status, answer = await ask(operator, method, path.format(own=own), {"roles": []} if method == "PATCH" else None)
    assert (status, answer["error"]["code"]) == (409, "invalid_request")
    assert (await ask(operator, "PATCH", own, {"limits": {"max_streams": 9}}))[0] == 200


class TestWithoutItsFile:
    @pytest.fixture
    def missing(self, served: Served, keys_file: Path) -> Path:
        assert served.reloader.settings.keys_file == keys_file
        keys_file.unlink()
        return keys_file

    async def test_nothing_changes(self, clients: Clients, missing: Path) -> None:
        for method, path in (("POST", PATH), ("DELETE", f"{PATH}/{KEYS['bob'].id}")):
            status, answer = await ask(clients.named("operator"), method, path, {"name": "x"})
            assert status == 409
            assert f"{missing}: can't be read" in answer["error"]["message"]
            assert await status_of(clients, KEYS["bob"].text()) == 200


class TestKeysOfTheSettings:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        keys = tuple(SecretStr(f"{key.name}:{key.id}:{key.hash}") for key in map(stored_key, ("alice", "bob")))
        return settings.model_copy(update={"keys": keys, "keys_file": None})

    async def test_they_are_listed_and_can_not_be_changed(self, clients: Clients) -> None:
        operator = clients.session(token({"roles": ["operate"]}))
        _, listed = await ask(operator, "GET", PATH)
        assert {key["name"]: key["editable"] for key in listed["keys"]} == {"alice": False, "bob": False}
        assert listed["editable"] is False
        assert "set keys_file (DUALSTREAM_KEYS_FILE)" in listed["problem"]
        for method, path, body in (
            ("POST", PATH, {"name": "x"}),
            ("PATCH", f"{PATH}/{KEYS['bob'].id}", {"limits": {}}),
            ("DELETE", f"{PATH}/{KEYS['bob'].id}", None),
        ):
            status, answer = await ask(operator, method, path, body)
            assert status == 409
            assert "DUALSTREAM_KEYS" in answer["error"]["message"]
