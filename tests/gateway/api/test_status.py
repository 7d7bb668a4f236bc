"""The routes that report the state of the gateway."""

from pathlib import Path

import pytest

from gateway.config import Settings
from tests.served.clients import Clients, clients, keys_file, protocols, with_keys

__all__ = ["clients", "keys_file", "protocols"]


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


async def test_the_statistics_require_a_role(clients: Clients) -> None:
    for name, status in (("alice", 403), ("watcher", 200), ("operator", 200)):
        async with clients.named(name).get("/api/stats") as response:
            assert response.status == status
            if status == 403:
                assert (await response.json())["error"]["code"] == "forbidden"
