"""The gateway follows its key file."""

from pathlib import Path

import pytest

from gateway.app.key_watch import LOOK_SECONDS, KeyWatch
from gateway.config import Settings
from gateway.security.key_file import read_keys, write_keys
from tests.served.clients import KEYS, Clients, clients, keys_file, stored_key, with_keys
from tests.served.gateway import Served

__all__ = ["clients", "keys_file"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


@pytest.fixture
def watch(served: Served) -> KeyWatch:
    return KeyWatch(served.reloader, served.clock)


def replace(file: Path, content: str | None) -> None:
    """Write a file; None removes it."""
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


async def status_of(clients: Clients, name: str) -> int:
    async with clients.named(name).get("/api/models") as response:
        return response.status


async def test_a_change_is_followed_once_it_has_settled(clients: Clients, keys_file: Path, watch: KeyWatch) -> None:
    await watch.look()
    await watch.look()
    write_keys(keys_file, [key for key in read_keys(keys_file) if key.name != "bob"])
    await watch.look()
    assert await status_of(clients, "bob") == 200
    await watch.look()
    assert await status_of(clients, "bob") == 401
    assert await status_of(clients, "alice") == 200


async def test_a_running_gateway_looks_by_itself(served: Served, clients: Clients, keys_file: Path) -> None:
    write_keys(keys_file, [stored_key("alice")])
    async with clients.named("bob").get("/api/models") as response:
        assert response.status == 200
    # The file is looked at in a thread, which the test's clock does not wait for.
    for _ in range(100):
        served.clock.advance(LOOK_SECONDS)
        if await status_of(clients, "bob") == 401:
            break
    else:
        pytest.fail("the change was never followed")


@pytest.mark.parametrize("content", ["", "[keys.alice]\nid = 1\n", "[keys"])
async def test_a_file_that_is_not_valid_changes_nothing_and_is_reported_once(
    clients: Clients, keys_file: Path, watch: KeyWatch, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    replace(keys_file, content)
    for _ in range(4):
        await watch.look()
    assert await status_of(clients, "alice") == 200
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    replace(keys_file, None)
    for _ in range(3):
        await watch.look()
    assert "can't be read" in caplog.text
    assert await status_of(clients, "alice") == 200
    # Its way back is followed, too.
    write_keys(keys_file, [stored_key("bob")])
    for _ in range(2):
        await watch.look()
    assert (await status_of(clients, "alice"), await status_of(clients, "bob")) == (401, 200)
    assert KEYS["alice"].secret not in caplog.text
