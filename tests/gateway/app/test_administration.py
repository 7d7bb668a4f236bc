"""Changes of keys, and reloads, on several gateways of a deployment."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.app.administration import OTHER_KEYS, THIS_GATEWAY, _in_file
from gateway.config import ConfigurationError, Settings
from gateway.protocol.errors import Refused
from gateway.security.api_keys import ApiKey, StoredKey, hash_secret
from gateway.security.key_file import read_keys, write_keys
from tests.gateway.api.admin.test_keys import PATH, ask
from tests.served.clients import BODY, KEYS, Clients, keys_file, stored_key, with_keys
from tests.served.gateway import Served
from tests.served.pair import Pair, pair

__all__ = ["keys_file", "pair"]

T = TypeVar("T")
Check = Callable[[set[str]], bool]

BOB = f"{PATH}/{KEYS['bob'].id}"


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


@pytest.fixture
async def both(pair: Pair) -> AsyncIterator[tuple[Clients, Clients]]:
    """Yield clients of each of the two gateways."""
    found = Clients(pair.first), Clients(pair.second)
    yield found
    for clients in found:
        for session in clients.sessions:
            await session.close()


def use_copy(gateway: Served, file: Path) -> Path:
    """Replace the key file of a gateway by a copy, as on another machine."""
    copy = file.with_name("copy.toml")
    write_keys(copy, read_keys(file))
    changed = gateway.reloader.settings.model_copy(update={"keys_file": copy})
    gateway.reloader._settings = changed
    return copy


async def status_of(clients: Clients, key: str) -> int:
    async with clients.session(key).get("/api/models") as response:
        return response.status


async def test_gateways_with_one_file_follow_at_once(both: tuple[Clients, Clients], keys_file: Path) -> None:
    first, second = both
    status, created = await ask(first.named("operator"), "POST", PATH, {"name": "carol"})
    assert (status, created["gateways"]) == (201, {"applied": 2, "failed": []})
    assert await status_of(second, created["key"]) == 200
    _, changed = await ask(second.named("operator"), "PATCH", f"{PATH}/{created['id']}", {"models": ["n"]})
    assert changed["gateways"] == {"applied": 2, "failed": []}
    async with first.session(created["key"]).get("/api/models") as response:
        assert (await response.json())["models"] == ["n", "o"]
    _, revoked = await ask(first.named("operator"), "DELETE", BOB)
    assert revoked["gateways"] == {"applied": 2, "failed": []}
    assert await status_of(second, KEYS["bob"].text()) == 401
    assert "bob" not in {key.name for key in read_keys(keys_file)}


async def test_a_revoked_key_is_removed_from_copies_of_the_file_and_a_new_one_is_not_added(
    pair: Pair, both: tuple[Clients, Clients], keys_file: Path
) -> None:
    first, second = both
    copy = use_copy(pair.second, keys_file)
    _, revoked = await ask(first.named("operator"), "DELETE", BOB)
    assert revoked["gateways"] == {"applied": 2, "failed": []}
    assert await status_of(second, KEYS["bob"].text()) == 401
    assert "bob" not in {key.name for key in read_keys(copy)}
    _, created = await ask(first.named("operator"), "POST", PATH, {"name": "carol"})
    (failed,) = created["gateways"]["failed"]
    assert failed == {"gateway": failed["gateway"], "problem": OTHER_KEYS}
    assert await status_of(second, created["key"]) == 401


async def test_a_gateway_that_can_not_follow_is_named(
    pair: Pair, both: tuple[Clients, Clients], keys_file: Path
) -> None:
    first, second = both
    use_copy(pair.second, keys_file).unlink()
    _, revoked = await ask(first.named("operator"), "DELETE", BOB)
    (failed,) = revoked["gateways"]["failed"]
    assert "copy.toml: can't be read" in failed["problem"]
    assert revoked["gateways"]["applied"] == 1
    # It keeps the keys that it has; so the operator must know.
    assert await status_of(second, KEYS["bob"].text()) == 200


async def test_all_gateways_reload_and_those_that_can_not_are_named(pair: Pair, both: tuple[Clients, Clients]) -> None:
    first, _ = both
    operator = first.named("operator")

    def fail() -> Settings:
        message = "/etc/d.toml:3: port: must be a whole number"
        raise ConfigurationError(message)

    for gateway in (pair.first, pair.second):
        gateway.reloader._load_settings = lambda gateway=gateway: gateway.reloader.settings
    status, answer = await ask(operator, "POST", "/api/admin/reload")
    assert (status, answer["gateways"]) == (200, {"applied": 2, "failed": []})
    pair.second.reloader._load_settings = fail
    _, answer = await ask(operator, "POST", "/api/admin/reload")
    (failed,) = answer["gateways"]["failed"]
    assert failed["problem"] == "/etc/d.toml:3: port: must be a whole number"
    pair.first.reloader._load_settings = fail
    status, answer = await ask(operator, "POST", "/api/admin/reload")
    assert (status, answer["problems"]) == (422, ["/etc/d.toml:3: port: must be a whole number"])


async def test_the_use_of_a_key_is_that_of_all_gateways(pair: Pair, both: tuple[Clients, Clients]) -> None:
    for gateway, clients in zip((pair.first, pair.second), both, strict=True):
        async with clients.named("alice").post("/api/generations", json={**BODY, "model": "m"}) as response:
            assert response.status == 201
        await gateway.called()
        gateway.upstream.last.send("Hello")
        gateway.upstream.last.finish()
        await gateway.hub._idle.wait()
    # The first one records what it has counted when it is asked, or after some seconds.
    first, second = both
    path = f"{PATH}/{KEYS['alice'].id}"
    await ask(first.named("operator"), "GET", path)
    _, shown = await ask(second.named("operator"), "GET", path)
    assert shown["today"]["requests"] == 2
    assert stored_key("alice").name == shown["name"]


def damage(file: Path) -> None:
    file.write_text("[keys", "utf-8")


async def broken_meanwhile(gateway: Served, file: Path, request: Coroutine[Any, Any, T], is_written: Check) -> T:
    """Send a request that changes the key file; break that as soon as it is written, before the gateway reads it."""
    async with gateway.reloader._lock:
        asking = asyncio.ensure_future(request)
        async with asyncio.timeout(10):
            while not is_written({key.name for key in read_keys(file)}):
                await asyncio.sleep(0)
        damage(file)
    return await asking


async def test_a_created_key_is_shown_even_if_the_file_can_not_be_read_again(served: Served, keys_file: Path) -> None:
    clients = Clients(served)
    creating = ask(clients.named("operator"), "POST", PATH, {"name": "carol"})
    status, created = await broken_meanwhile(served, keys_file, creating, lambda names: "carol" in names)
    (failed,) = created["gateways"]["failed"]
    assert (status, created["gateways"]["applied"], failed["gateway"]) == (201, 0, THIS_GATEWAY)
    assert "keys.toml:1: " in failed["problem"]
    # The secret is not lost: it is accepted once the file is mended.
    key = ApiKey(*created["key"].split("_", 2)[1:])
    write_keys(keys_file, [stored_key("operator"), StoredKey("carol", key.id, hash_secret(key.secret))])
    await served.reloader.reload_keys()
    assert await status_of(clients, created["key"]) == 200
    for session in clients.sessions:
        await session.close()


async def test_other_gateways_follow_a_change_that_this_one_can_not_read(
    pair: Pair, both: tuple[Clients, Clients], keys_file: Path
) -> None:
    first, second = both
    use_copy(pair.second, keys_file)
    revoking = ask(first.named("operator"), "DELETE", BOB)
    status, revoked = await broken_meanwhile(pair.first, keys_file, revoking, lambda names: "bob" not in names)
    (failed,) = revoked["gateways"]["failed"]
    assert (status, revoked["gateways"]["applied"], failed["gateway"]) == (200, 1, THIS_GATEWAY)
    assert await status_of(second, KEYS["bob"].text()) == 401


def locked() -> None:
    raise TimeoutError


async def test_a_file_that_stays_locked_is_a_conflict() -> None:
    with pytest.raises(Refused, match="keeps the key file locked") as refused:
        await _in_file(locked)
    assert refused.value.status == HTTPStatus.CONFLICT
