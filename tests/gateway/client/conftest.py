"""Servers that are closed after each test."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer


@pytest.fixture(name="servers")
async def _servers() -> AsyncIterator[list[TestServer]]:
    servers: list[TestServer] = []
    yield servers
    for server in servers:
        await server.close()
