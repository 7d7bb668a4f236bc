"""Another configuration while something runs: it goes on, and what it runs on is closed when it is over."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr

from gateway.admission.slots import Slots
from gateway.app.catalog import build
from gateway.app.reload import Reloader
from gateway.config import ConfigurationError, Settings
from gateway.config.tables import JwtTable
from gateway.pipeline.hub import Hub
from gateway.protocol.events import Usage
from gateway.routing.model import Model
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.security.authenticator import Authenticator
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.support import ANYBODY, ManualClock, ScriptedUpstream, ask, settle

BEFORE = Settings.model_validate({"models": {"a": {"provider": "vllm"}, "m": {"provider": "ollama"}}})
AFTER = Settings.model_validate({"models": {"b": {"provider": "llamacpp"}, "m": {"provider": "ollama"}}})


class Watched(HttpUpstream):
    """An upstream that tells when it is closed."""

    def __init__(self, name: str, closed: set[str]) -> None:
        super().__init__(name, "", OpenAIChatFormat())
        self._closed = closed

    async def close(self) -> None:
        self._closed.add(self.name)


@asynccontextmanager
async def gateway() -> AsyncIterator[tuple[Reloader, Hub, ScriptedUpstream, set[str]]]:
    """Run a gateway whose model `m` is a scripted upstream's, over the catalogue of `BEFORE`; and what was closed."""
    catalogue, scripted = build(BEFORE), ScriptedUpstream()
    closed: set[str] = set()
    for described in catalogue.upstreams:
        catalogue.upstreams[described] = Watched(described.name, closed)
    hub = Hub(ModelRegistry([Model("m", [Target(scripted)])]), Slots(0, 0), ManualClock())
    reloading = Reloader(hub, BEFORE, catalogue, Authenticator())
    await reloading.start()
    yield reloading, hub, scripted, closed
    await hub.close()
    await reloading.close()
    assert closed == {"vllm", "ollama"}


async def test_what_runs_goes_on_and_what_it_runs_on_is_closed_after_it() -> None:
    async with gateway() as (reloading, hub, scripted, closed):
        generation = hub.start(ask(), request_id="r", principal=ANYBODY)
        await settle()
        await reloading.change(AFTER)
        await settle()
        assert hub.models.names == ("b", "m")
        assert not closed
        scripted.last.send("Hello")
        scripted.last.finish(usage=Usage(1, 1, "exact"))
        await settle()
        assert generation.state.value == "complete"
        assert closed == {"vllm"}


async def test_with_nothing_running_it_is_closed_at_once() -> None:
    async with gateway() as (reloading, _, _, closed):
        await reloading.change(AFTER)
        await settle()
        assert closed == {"vllm"}


async def test_a_shutdown_closes_what_still_waits() -> None:
    async with gateway() as (reloading, hub, _, closed):
        hub.start(ask(), request_id="r", principal=ANYBODY)
        await settle()
        await reloading.change(AFTER)
        await settle()
        assert not closed


async def test_what_changed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway() as (reloading, _, _, _):
        await reloading.change(AFTER.model_copy(update={"port": 1, "max_concurrent": 3}))
        assert caplog.messages == [
            "configuration reloaded: models: b, m; changed: models; only a restart changes max_concurrent, port"
        ]


async def test_what_needs_a_restart_is_told_until_it_is_as_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway() as (reloading, _, _, _):
        for _ in range(2):
            await reloading.change(AFTER.model_copy(update={"port": 1}))
        await reloading.change(AFTER)
        assert [message.partition("; ")[2] for message in caplog.messages] == [
            "changed: models; only a restart changes port",
            "changed: nothing; only a restart changes port",
            "changed: nothing",
        ]


async def test_a_configuration_that_is_wrong_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> Settings:
        message = "a.toml:1: port: no"
        raise ConfigurationError(message)

    async with gateway() as (reloading, hub, _, _):
        models = hub.models
        await reloading._load(load)
        assert hub.models is models
        assert [(record.levelno, "a.toml:1: port: no" in record.getMessage()) for record in caplog.records] == [
            (logging.ERROR, True)
        ]


async def test_one_that_is_right_is_taken() -> None:
    async with gateway() as (reloading, hub, _, _):
        await reloading._load(lambda: AFTER)
        assert hub.models.names == ("b", "m")


async def test_keys_are_read_again_and_a_gate_that_closed_does_not_open() -> None:
    async with gateway() as (reloading, hub, _, _):
        await reloading.change(AFTER.model_copy(update={"keys": (SecretStr(f"alice:abcd1234:{'0' * 64}"),)}))
        assert not reloading._authenticator.allows_anonymous
        models = hub.models
        with pytest.raises(ConfigurationError, match="no keys are left; only a restart"):
            await reloading.change(AFTER)
        with pytest.raises(ConfigurationError, match="can't be read"):
            await reloading.change(AFTER.model_copy(update={"keys_file": Path("/nonexistent")}))
        assert hub.models is models


async def test_a_door_whose_configuration_is_the_same_is_kept() -> None:
    table = JwtTable.model_validate({"algorithms": ["RS256"], "jwks_url": HttpUrl("https://a.example/jwks.json")})
    async with gateway() as (reloading, _, _, _):
        await reloading.change(AFTER.model_copy(update={"jwt": table}))
        (scheme,) = reloading._authenticator.schemes
        await reloading.change(AFTER.model_copy(update={"jwt": table, "port": 1}))
        assert reloading._authenticator.schemes == (scheme,)
        await reloading.change(AFTER.model_copy(update={"jwt": table.model_copy(update={"issuer": "me"})}))
        assert reloading._authenticator.schemes != (scheme,)
