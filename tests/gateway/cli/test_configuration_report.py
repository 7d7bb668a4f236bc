"""The report and the warnings of `dualstream check` for a valid configuration, and its errors for keys."""

from pathlib import Path

import pytest

from gateway.app.catalog import build
from gateway.cli.configuration_report import price_sources, report, warnings
from gateway.cli.main import main
from gateway.config import Settings
from tests.gateway.app.two_models import settings


async def test_the_report_lists_each_model_with_its_upstreams() -> None:
    assert report(build(settings())) == [
        "chat, default, alias gpt-4, weighted, hedged after 2 s, with failover",
        "  eu: gpt-4.1; eu.example; key OPENAI_API_KEY set; weight 3; price unknown",
        "  vllm: chat; 127.0.0.1:8000; no key; weight 1; price 1 in, 1 cached, 2 out",
        "fast",
        "  eu: small; eu.example; key OPENAI_API_KEY set; price unknown",
    ]


async def test_the_report_lists_a_single_upstream() -> None:
    single = Settings.model_validate({"upstream": "https://a.example:81/v1", "upstream_api_key": "sk-secret"})
    assert report(build(single)) == ["any model", "  upstream: a.example:81; key set"]


async def test_the_report_names_the_list_that_a_price_is_from() -> None:
    models: dict[str, object] = {
        "gpt-4.1": {"upstreams": [{"provider": "openai"}, {"provider": "eu"}]},
        "claude-haiku-5-5": {"provider": "anthropic"},
        "o3": {"provider": "openai", "price": {"input": 1, "output": 2, "cache_write": 3, "cache_write_1h": 4}},
        "deepseek-flash": {"provider": "deepseek"},
        "sim": {"provider": "simulator"},
    }
    providers = {"eu": {"preset": "openai", "base_url": "https://eu.api.openai.com/v1"}}
    catalog = build(Settings.model_validate({"models": models, "providers": providers}))
    assert [line.partition("; price ")[2] or line.partition("; published ")[2] for line in report(catalog)] == [
        "",
        "price of 2026-02-07: 2 in, 0.5 cached, 8 out",
        "unknown",
        "",
        "price of 2026-10-24: 0.1 in, 0.01 cached, 0.125 written, 0.2 written for 1 h, 0.5 out; "
        "above 100,000 tokens 0.5 in, 0.05 cached, 0.625 written, 1 written for 1 h, 2.5 out",
        "",
        "1 in, 1 cached, 3 written, 4 written for 1 h, 2 out",
        "",
        "price of 2026-10-27: 0.3 in, 0.006 cached, 1.2 out",
        "",
        "",
    ]
    assert (
        report(catalog)[-1] == "  simulator: sim; built in; no key; invented price of 2026-11-22: 8 in, 8 cached, 8 out"
    )
    sources = price_sources(catalog)
    assert [source.partition(":")[0] for source in sources] == [
        "published prices, openai 2026-02-07",
        "published prices, anthropic 2026-10-24",
        "published prices, deepseek 2026-10-27",
        "invented prices, simulator 2026-11-22",
    ]
    assert sources[2].endswith("; peak hours; half of it at other hours")


async def test_the_report_says_what_a_model_adds_to_starts() -> None:
    function = {"type": "function", "function": {"name": "look"}}
    model: dict[str, object] = {"provider": "ollama", "system": "secret", "defaults": {"seed": 1, "tools": [function]}}
    lines = report(build(Settings.model_validate({"models": {"a": model, "b": {"provider": "ollama"}}})))
    assert (lines[0], lines[2]) == ("a, default, system prompt, 1 tool, defaults of seed", "b")
    model["defaults"] = {"seed": 1, "stop": "x", "tools": [function, {**function, "function": {"name": "listen"}}]}
    lines = report(build(Settings.model_validate({"models": {"a": model}})))
    assert lines[0] == "a, default, system prompt, 2 tools, defaults of stop and seed"


async def test_likely_mistakes_are_warnings() -> None:
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
        "far: plain http to 10.0.0.1: keys and texts are sent unencrypted",
        "deep: answers are continued below /beta: base_url should not end with /v1",
        "idle: no model uses this provider",
        "b: the price at deep is not known: its answers report no cost, and budgets miss it",
    ]


async def test_defaults_that_a_provider_has_no_word_for_are_a_warning() -> None:
    free = {"price": {"input": 0, "output": 0}}
    doubtful = Settings.model_validate(
        {
            "providers": {"claude": {"preset": "anthropic", "key_variable": ""}},
            "models": {
                "a": {"upstreams": [{"provider": "claude", **free}, {"provider": "ollama", **free}]}
                | {"defaults": {"presence_penalty": 1}},
            },
        }
    )
    (line,) = warnings(doubtful, build(doubtful))
    assert line.startswith("a: its defaults are refused at claude: ")
    assert "presence_penalty" in line


async def test_settings_without_effect_are_warnings() -> None:
    price = {"input": 0, "output": 0}
    upstreams = [{"provider": "vllm", "price": price, "weight": 3}, {"provider": "ollama", "price": price}]
    doubtful = Settings.model_validate(
        {
            "host": "0.0.0.0",
            "models": {
                "a": {"upstreams": upstreams, "hedge": 300, "first_token_timeout": 5},
                "b": {"provider": "vllm", "price": price, "failover": True, "routing": "fastest"},
                "c": {"upstreams": upstreams, "routing": "weighted", "hedge": 2, "failover": True},
                "gpt-4.1": {"provider": "openai"},
            },
        }
    )
    assert warnings(doubtful, build(doubtful)) == [
        "0.0.0.0 may be reached by others, but no credentials are required: serve will not start",
        'a: weight has no effect: it needs routing = "weighted"',
        "a: hedge has no effect at vllm: its first_token_timeout is not longer",
        "a: hedge has no effect at ollama: its first_token_timeout is not longer",
        "b: failover has no effect: it needs a second upstream",
        "b: routing has no effect: it needs a second upstream",
    ]


def test_keys_are_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dualstream.toml").write_text('keys_file = "mine.toml"\n')
    assert main(["check"]) == 2
    assert "mine.toml: can't be read" in capsys.readouterr().err
    (tmp_path / "mine.toml").write_text("[keys.a]\n")
    assert main(["check"]) == 2
    assert "mine.toml:1: keys.a.id" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
async def test_plain_http_inside_this_machine_is_no_mistake(host: str) -> None:
    near = Settings.model_validate({"upstream": f"http://{host}:8000/v1"})
    assert not [line for line in warnings(near, build(near)) if "plain http" in line]


@pytest.mark.parametrize("host", ["localhost.example", "127.example", "127.0.0.1.example", "[::1:2]"])
async def test_plain_http_to_a_name_that_begins_as_this_machine(host: str) -> None:
    far = Settings.model_validate({"upstream": f"http://{host}:8000/v1"})
    assert [line for line in warnings(far, build(far)) if "plain http" in line]
