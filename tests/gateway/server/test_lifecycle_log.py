"""What the log says of the start and the end."""

import logging

import pytest
from pydantic import SecretStr

from gateway.app.catalog import build
from gateway.config import Settings
from gateway.server.lifecycle_log import log_drain, log_drained, log_start


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


def started(caplog: pytest.LogCaptureFixture, given: Settings) -> dict[str, object]:
    caplog.set_level(logging.INFO)
    log_start(given, build(given), "http://127.0.0.1:8080")
    return vars(caplog.records[-1])


def test_a_start_without_a_configuration(caplog: pytest.LogCaptureFixture) -> None:
    fields = started(caplog, settings())
    assert (fields["event"], fields["providers"], fields["store"]) == ("started", ["simulator"], "memory")
    assert caplog.messages[-1].endswith("store: memory; clients need no credentials")
    assert "sim-instant" in caplog.messages[-1]


def test_no_password_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    given = settings(store="redis://user:hush-hush@redis.example:6380/2", upstream="http://127.0.0.1:1/v1")
    fields = started(caplog, given.model_copy(update={"store_password": SecretStr("hush-hush")}))
    assert fields["store"] == "redis.example:6380, prefix dualstream"
    assert "models: any; providers: upstream;" in caplog.messages[-1]
    assert "hush" not in str(fields)


def test_what_clients_need(caplog: pytest.LogCaptureFixture) -> None:
    fields = started(caplog, settings(keys=["alice:abcd1234:" + "0" * 64]))
    assert fields["credentials"] == "a key"


def test_many_models_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    fields = started(caplog, settings(upstream="http://127.0.0.1:1/v1", model=[f"m{number}" for number in range(25)]))
    assert len(fields["models"]) == 25  # type: ignore[arg-type]
    assert "m18, m19 and 5 more; providers" in caplog.messages[-1]


def test_a_drain_begins_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_drain("SIGTERM", 30, 2)
    log_drained(1.234, 1)
    assert caplog.messages == [
        "SIGTERM: draining, at most 30 s; generations that run: 2",
        "drained in 1.2 s; generations that were ended early: 1",
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
