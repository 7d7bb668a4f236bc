"""What attackers tried over the wire: each of these got through once."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from starlette.requests import Request

from gateway.api.responses import REFUSED_POSITION, refusal_response
from gateway.config import Settings
from gateway.protocol.errors import Refused
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.security.jwks import RemoteKeySet
from gateway.security.key_file import write_keys
from tests.gateway.api.middleware.test_auth import settings, socket
from tests.served.clients import BODY, KEYS, Clients, clients, keys_file, stored_key
from tests.served.gateway import Served

__all__ = ["clients", "keys_file", "settings"]


async def test_a_key_whose_time_was_cut_short_starts_nothing_more_on_a_socket(
    clients: Clients, served: Served, settings: Settings, keys_file: Path
) -> None:
    async with socket(clients, KEYS["alice"].text()) as it:
        await it.send_json({"type": "ping", "id": 1})
        assert (await it.receive_json())["type"] == "pong"
        write_keys(keys_file, [replace(stored_key("alice"), expires=1.0)])
        await served.reloader.change(settings)
        await it.send_json({"type": "start", "id": 2, **BODY})
        answer = await it.receive_json()
        assert (answer["type"], answer["code"]) == ("rejected", "auth_error")
    assert served.hub.statistics.started == 0


async def test_an_event_source_comes_back_when_the_issuers_keys_may_be_had() -> None:
    scope = {"type": "http", "method": "GET", "headers": [(b"accept", b"text/event-stream")]}
    with pytest.raises(Refused) as refused:
        await RemoteKeySet("http://127.0.0.1:1/", ("RS256",)).find(None)
    (event,) = EventStreamDecoder().feed(bytes(refusal_response(refused.value, Request(scope)).body))
    assert orjson.loads(event.data)["retryable"]
    assert event.last_event_id != REFUSED_POSITION


class TestOpen:
    """A gateway without keys, which is on loopback by another name for it."""

    @pytest.fixture(params=["127.1", "0x7f.1", "LOCALHOST", "loopback.example"])
    def settings(self, request: pytest.FixtureRequest) -> Settings:
        return Settings(host=request.param, model=("m",), max_concurrent=0)

    async def test_a_name_that_somebody_makes_point_here_is_not_ours(self, served: Served) -> None:
        headers = {"Host": "evil.example", "Origin": "http://evil.example"}
        async with served.http.post("/api/generations", json=BODY, headers=headers) as response:
            assert response.status == 403
        async with served.http.post("/api/generations", json=BODY) as response:
            assert response.status == 201
        await served.hub.close()
