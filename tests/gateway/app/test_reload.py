"""Reloads while generations run: these finish, and their catalog is closed afterwards."""

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
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
from gateway.routing.start_defaults import StartDefaults
from gateway.routing.target import Target
from gateway.security.authenticator import Authenticator
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.start_requests import ANONYMOUS, start_request

BEFORE = Settings.model_validate({"models": {"a": {"provider": "vllm"}, "m": {"provider": "ollama"}}})
AFTER = Settings.model_validate({"models": {"b": {"provider": "llamacpp"}, "m": {"provider": "ollama"}}})


class RecordingUpstream(HttpUpstream):
    """An upstream that adds its name to `closed` when it is closed."""

    def __init__(self, name: str, closed: set[str]) -> None:
        super().__init__(name, "", OpenAIChatFormat())
        self._closed = closed

    async def close(self) -> None:
        self._closed.add(self.name)


@asynccontextmanager
async def gateway() -> AsyncIterator[tuple[Reloader, Hub, ScriptedUpstream, set[str]]]:
    """Run a hub over the catalog of `BEFORE`, with a scripted upstream for the model `m`.

    Also yield the names of the closed upstreams.
    """
    catalog, scripted = build(BEFORE), ScriptedUpstream()
    closed: set[str] = set()
    for provider in catalog.upstreams:
        catalog.upstreams[provider] = RecordingUpstream(provider.name, closed)
    hub = Hub(ModelRegistry([Model("m", [Target(scripted)])]), Slots(0, 0), ManualClock())
    reloader = Reloader(hub, BEFORE, catalog, Authenticator())
    await reloader.start()
    yield reloader, hub, scripted, closed
    await hub.close()
    await reloader.close()
    assert closed == {"vllm", "ollama"}


async def test_a_running_generation_finishes_before_its_upstream_is_closed() -> None:
    async with gateway() as (reloader, hub, scripted, closed):
        generation = hub.start(start_request(), request_id="r", principal=ANONYMOUS)
        await settle()
        await reloader.change(AFTER)
        await settle()
        assert hub.models.names == ("b", "m")
        assert not closed
        scripted.last.send("Hello")
        scripted.last.finish(usage=Usage(1, 1, "exact"))
        await settle()
        assert generation.state.value == "complete"
        assert closed == {"vllm"}


async def test_without_generations_unused_upstreams_are_closed_at_once() -> None:
    async with gateway() as (reloader, _, _, closed):
        await reloader.change(AFTER)
        await settle()
        assert closed == {"vllm"}


async def test_what_a_model_adds_is_that_of_the_last_reload() -> None:
    async with gateway() as (reloader, hub, _, _closed):
        table: dict[str, object] = {"provider": "ollama", "system": "Be brief.", "defaults": {"seed": 1}}
        await reloader.change(Settings.model_validate({"models": {"m": table}, "aliases": {"n": "m"}}))
        first = hub.models.resolve("n")
        assert first.defaults == StartDefaults.of("Be brief.", {"seed": 1})
        await reloader.change(Settings.model_validate({"models": {"m": {**table, "system": "Be kind."}}}))
        changed = hub.models.resolve("m")
        assert changed.defaults == StartDefaults.of("Be kind.", {"seed": 1})
        # Another prompt is no other target.
        assert changed.targets == first.targets


async def test_a_shutdown_closes_former_catalogs() -> None:
    async with gateway() as (reloader, hub, _, closed):
        hub.start(start_request(), request_id="r", principal=ANONYMOUS)
        await settle()
        await reloader.change(AFTER)
        await settle()
        assert not closed


async def test_changes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with gateway() as (reloader, _, _, _):
        await reloader.change(AFTER.model_copy(update={"port": 1, "max_concurrent": 3}))
        assert caplog.messages == [
            "configuration reloaded: models: b, m; changed: models; only a restart changes max_concurrent, port"
        ]


async def test_the_level_of_the_log_changes(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("gateway")
    with caplog.at_level(logging.INFO, "gateway"), caplog.at_level(logging.INFO, "transports"), caplog.at_level(0):
        async with gateway() as (reloader, _, _, _):
            await reloader.change(AFTER.model_copy(update={"log_level": "debug"}))
            assert logger.level == logging.DEBUG
            await reloader.change(AFTER)
            assert logger.level == logging.INFO
    assert "changed: log_level" in caplog.messages[-1]


async def test_settings_that_need_a_restart_are_logged_until_they_are_reverted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with gateway() as (reloader, _, _, _):
        for _ in range(2):
            await reloader.change(AFTER.model_copy(update={"port": 1}))
        await reloader.change(AFTER)
        assert [message.partition("; ")[2] for message in caplog.messages] == [
            "changed: models; only a restart changes port",
            "changed: nothing; only a restart changes port",
            "changed: nothing",
        ]


async def test_an_invalid_configuration_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> Settings:
        message = "a.toml:1: port: no"
        raise ConfigurationError(message)

    async with gateway() as (reloader, hub, _, _):
        models = hub.models
        await reloader._load(load)
        assert hub.models is models
        assert [(record.levelno, "a.toml:1: port: no" in record.getMessage()) for record in caplog.records] == [
            (logging.ERROR, True)
        ]


async def test_a_valid_configuration_is_used() -> None:
    async with gateway() as (reloader, hub, _, _):
        await reloader._load(lambda: AFTER)
        assert hub.models.names == ("b", "m")


async def test_requests_are_applied_in_their_order_and_those_during_a_load_are_one() -> None:
    overtaken, loads = threading.Event(), list[str]()

    def load(name: str, loaded: Settings) -> Settings:
        loads.append(name)
        # The first file takes longer to read than those after it.
        assert name != "first" or overtaken.wait(10)
        return loaded

    async with gateway() as (reloader, hub, _, _):
        reloader.request(partial(load, "first", BEFORE))
        while loads != ["first"]:
            await settle()
        reloader.request(partial(load, "second", BEFORE))
        reloader.request(partial(load, "third", AFTER))
        overtaken.set()
        assert reloader._loading is not None
        await reloader._loading
        assert loads == ["first", "third"]
        assert hub.models.names == ("b", "m")


async def test_a_request_after_a_failed_one_is_loaded() -> None:
    def fail() -> Settings:
        message = "a.toml:1: port: no"
        raise ConfigurationError(message)

    async with gateway() as (reloader, hub, _, _):
        for load in (fail, lambda: AFTER):
            reloader.request(load)
            assert reloader._loading is not None
            await reloader._loading
        assert hub.models.names == ("b", "m")


async def test_keys_that_came_and_went_are_counted(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "keys.toml"

    def keys(**hashes: str) -> None:
        file.write_text("".join(f'[keys.{name}]\nid = "{name}xxx"\nhash = "{hashes[name] * 64}"\n' for name in hashes))
        file.chmod(0o600)

    async with gateway() as (reloader, _, _, _):
        settings = BEFORE.model_copy(update={"keys_file": file})
        for hashes in ({"alice": "0", "carol": "0"}, {"carol": "0"}, {"carol": "1", "david": "2", "peter": "3"}):
            keys(**hashes)
            await reloader.change(settings)
        await reloader.change(settings)
        assert [message.partition("changed: ")[2] for message in caplog.messages] == [
            "keys_file, 2 keys added",
            "1 key removed",
            "2 keys added, 1 key altered",
            "nothing",
        ]


async def test_an_empty_file_does_not_replace_the_providers_by_the_simulator() -> None:
    async with gateway() as (reloader, hub, _, _):
        models = hub.models
        with pytest.raises(ConfigurationError, match="no models and no upstream are left: is the file empty"):
            await reloader.change(Settings())
        assert hub.models is models


async def test_keys_are_read_again_but_required_credentials_stay_required() -> None:
    async with gateway() as (reloader, hub, _, _):
        await reloader.change(AFTER.model_copy(update={"keys": (SecretStr(f"alice:abcd1234:{'0' * 64}"),)}))
        assert not reloader._authenticator.allows_anonymous
        models = hub.models
        with pytest.raises(ConfigurationError, match="no keys are left; only a restart"):
            await reloader.change(AFTER)
        with pytest.raises(ConfigurationError, match="can't be read"):
            await reloader.change(AFTER.model_copy(update={"keys_file": Path("/nonexistent")}))
        assert hub.models is models


async def test_a_jwt_scheme_with_the_same_configuration_is_reused() -> None:
    table = JwtTable.model_validate({"algorithms": ["RS256"], "jwks_url": HttpUrl("https://a.example/jwks.json")})
    async with gateway() as (reloader, _, _, _):
        await reloader.change(AFTER.model_copy(update={"jwt": table}))
        (scheme,) = reloader._authenticator.schemes
        await reloader.change(AFTER.model_copy(update={"jwt": table, "port": 1}))
        assert reloader._authenticator.schemes == (scheme,)
        await reloader.change(AFTER.model_copy(update={"jwt": table.model_copy(update={"issuer": "me"})}))
        assert reloader._authenticator.schemes != (scheme,)
