"""What `dualstream check` says of a configuration that is right."""

from gateway.app.catalog import build
from gateway.cli.check import Outcome, ask_all, report, warnings
from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.simulator import Simulator
from tests.gateway.app.test_catalog import settings

APIS = ["chat", "responses", "claude", "gemini"]


async def test_each_model_is_shown_with_its_upstreams() -> None:
    assert report(build(settings())) == [
        "chat, default, also gpt-4, weighted, hedged after 2 s, with failover",
        "  eu: gpt-4.1; eu.example; key OPENAI_API_KEY set; weight 3; price 15 in, 15 cached, 15 out",
        "  vllm: chat; 127.0.0.1:8000; no key; weight 1; price 1 in, 1 cached, 2 out",
        "fast",
        "  eu: small; eu.example; key OPENAI_API_KEY set; price unknown",
    ]


async def test_one_upstream_is_shown_too() -> None:
    one = Settings.model_validate({"upstream": "https://a.example:81/v1", "upstream_api_key": "sk-secret"})
    assert report(build(one)) == ["any model", "  upstream: a.example:81; key set"]


async def test_what_may_not_be_meant_is_a_warning() -> None:
    doubtful = Settings.model_validate(
        {
            "providers": {
                "far": {"base_url": "http://10.0.0.1/v1"},
                "idle": {"preset": "vllm"},
                "deep": {"preset": "deepseek", "base_url": "https://a.example/v1"},
            },
            "models": {
                "a": {"provider": "far", "price": {"input": 0, "output": 0}},
                "b": {"provider": "deep"},
                "c": {"provider": "ollama", "price": {"input": 0, "output": 0}},
            },
        }
    )
    assert warnings(doubtful, build(doubtful)) == [
        "far: plain http to 10.0.0.1: keys and texts can be read on the way",
        "deep: an answer is gone on with below /beta: base_url should end before /v1",
        "idle: no model uses this provider",
        "b: the price at deep is not known: its answers tell no cost",
    ]


async def test_what_is_set_for_nothing_is_a_warning() -> None:
    price = {"input": 0, "output": 0}
    two = [{"provider": "vllm", "price": price, "weight": 3}, {"provider": "ollama", "price": price}]
    doubtful = Settings.model_validate(
        {
            "host": "0.0.0.0",
            "models": {
                "a": {"upstreams": two, "hedge": 300, "first_token_timeout": 5},
                "b": {"provider": "vllm", "price": price, "failover": True, "routing": "fastest"},
                "c": {"upstreams": two, "routing": "weighted", "hedge": 2, "failover": True},
                "gpt-4.1": {"provider": "openai"},
            },
        }
    )
    assert warnings(doubtful, build(doubtful)) == [
        "others may reach 0.0.0.0, and nobody is asked for a key: serve does not start like this",
        'a: weight has no effect: it needs routing = "weighted"',
        "a: hedge has no effect on vllm, whose first_token_timeout is over before",
        "a: hedge has no effect on ollama, whose first_token_timeout is over before",
        "b: failover has no second upstream to go on with",
        "b: routing has no second upstream to choose from",
        "gpt-4.1: the price at openai is not written: one known on 2026-11-22 is taken",
    ]


async def test_each_upstream_is_asked_for_one_token() -> None:
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
    catalogue = build(live)
    *well, silent, refused, late = await ask_all(catalogue, 1.0)
    await catalogue.close()
    await simulator.stop()
    assert [outcome.provider for outcome in well] == APIS
    for outcome in well:
        assert outcome.failure is None
        assert outcome.ttft_ms is not None
        assert 0 < outcome.ttft_ms < 1000
    assert (silent.ttft_ms, silent.failure) == (None, None)
    assert refused.failure is not None
    assert refused.failure.code is Code.AUTH_ERROR
    assert late.failure is not None
    assert late.failure.code is Code.FIRST_TOKEN_TIMEOUT


def test_an_outcome_is_a_line() -> None:
    assert str(Outcome("a", "m", 12.3)) == "a: m: 12 ms to the first token"
    assert str(Outcome("a", "m")) == "a: m: answered, no text"
    assert str(Outcome("a", "m", failure=Failed(Code.AUTH_ERROR, "No."))) == "a: m: auth_error: No."
