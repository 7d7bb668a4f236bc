"""The calls of `dualstream check --live`, against the simulator."""

from dataclasses import dataclass

import pytest
from yarl import URL

from gateway.app.catalog import build
from gateway.cli.live_check import Outcome, call_all, find_store_failure
from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.simulator import Simulator
from gateway.store.errors import StoreError
from gateway.store.memory import MemoryStore
from gateway.toml.problems import ConfigurationError
from tests.manual_clock import ManualClock

APIS = ["chat", "responses", "claude", "gemini"]


async def test_each_upstream_is_called_for_one_token() -> None:
    simulator = Simulator()
    await simulator.start()
    live = Settings.model_validate(
        {
            "providers": {
                "chat": {"base_url": simulator.base_url},
                "responses": {"base_url": simulator.base_url, "api": "openai-responses"},
                "claude": {"base_url": simulator.base_url, "api": "anthropic"},
                "gemini": {"base_url": f"{simulator.origin}/v1beta", "api": "gemini"},
            },
            "models": {
                "sim-instant": {
                    "upstreams": [{"provider": name} for name in ("chat", "responses", "claude", "gemini")]
                },
                "sim-instant?length=0": {"provider": "chat"},
                "sim?fault=401": {"provider": "chat"},
                "sim?ttft=60000": {"provider": "claude"},
            },
        }
    )
    catalog = build(live)
    *answered, silent, refused, late = await call_all(catalog, 1.0)
    await catalog.close()
    await simulator.stop()
    assert [outcome.provider for outcome in answered] == APIS
    for outcome in answered:
        assert outcome.failure is None
        assert outcome.ttft_ms is not None
        assert 0 < outcome.ttft_ms < 1000
    assert (silent.ttft_ms, silent.failure) == (None, None)
    assert refused.failure is not None
    assert refused.failure.code is Code.PROVIDER_AUTH
    assert late.failure is not None
    assert late.failure.code is Code.FIRST_TOKEN_TIMEOUT


def test_an_outcome_is_a_line() -> None:
    assert str(Outcome("a", "m", 12.3)) == "a: m: 12 ms to the first token"
    assert str(Outcome("a", "m")) == "a: m: answered, no text"
    assert str(Outcome("a", "m", failure=Failed(Code.AUTH_ERROR, "No."))) == "a: m: auth_error: No."
    url = URL("https://a.example/v1/chat/completions?api-version=2")
    assert str(Outcome("a", "m", failure=Failed(Code.NETWORK_ERROR, "No."), url=url)) == (
        "a: m: network_error: No. (https://a.example/v1/chat/completions?api-version=2)"
    )


async def test_the_line_of_a_failure_names_what_failed_and_the_url_and_is_the_only_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    live = Settings.model_validate(
        {
            "providers": {
                "refused": {"base_url": "http://127.0.0.1:1/v1"},
                "unknown": {"base_url": "https://no-such-host.invalid/v1beta", "api": "gemini"},
            },
            "models": {
                "m": {"upstreams": [{"provider": name} for name in ("refused", "unknown")]},
                "..": {"upstreams": [{"provider": "unknown"}]},
            },
        }
    )
    catalog = build(live)
    refused, unknown, unnamed = map(str, await call_all(catalog))
    assert caplog.messages == []
    await catalog.close()
    assert refused == (
        "refused: m: network_error: The provider can't be reached: it refused the connection. "
        "(http://127.0.0.1:1/v1/chat/completions)"
    )
    assert unknown.startswith("unknown: m: network_error: The provider can't be reached: its host name ")
    assert unknown.endswith("(https://no-such-host.invalid/v1beta/models/m:streamGenerateContent?alt=sse)")
    assert unnamed == "unknown: ..: invalid_request: model: '..' is not the name of a model."


@dataclass
class FailingStore(MemoryStore):
    """A store that can't be started."""

    error: StoreError | ConfigurationError
    closed: bool = False

    def __post_init__(self) -> None:
        super().__init__(ManualClock())

    async def start(self) -> None:
        raise self.error

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("error", [StoreError("unreachable", "nothing answers"), ConfigurationError("nothing answers")])
async def test_a_store_that_cannot_be_used_is_said_and_closed(error: StoreError | ConfigurationError) -> None:
    store = FailingStore(error)
    assert await find_store_failure(store) == "nothing answers"
    assert store.closed


async def test_a_store_that_can_be_used_has_no_failure() -> None:
    assert await find_store_failure(MemoryStore(ManualClock())) is None
