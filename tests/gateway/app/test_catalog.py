"""What is made of a configuration, and what of it stays when another takes its place."""

import pytest
from pydantic import SecretStr

from gateway.app.catalog import CATALOG_SETTINGS, build
from gateway.billing.prices import Price
from gateway.config import Settings
from gateway.protocol.errors import Refused
from tests.support import ScriptedUpstream

TABLES: dict[str, object] = {
    "providers": {"eu": {"preset": "openai", "base_url": "https://eu.example/v1", "key": SecretStr("k")}},
    "models": {
        "chat": {
            "routing": "weighted",
            "hedge": 2,
            "failover": True,
            "max_output_tokens": 99,
            "first_token_timeout": 20,
            "max_attempts": 2,
            "upstreams": [
                {"provider": "eu", "upstream_model": "gpt-4.1", "weight": 3, "max_concurrent": 5, "stall_timeout": 7},
                {"provider": "vllm", "price": {"input": 1, "output": 2}, "first_token_timeout": 5},
            ],
        },
        "fast": {"provider": "eu", "upstream_model": "small"},
    },
    "aliases": {"gpt-4": "chat"},
    "default_model": "gpt-4",
    "stall_timeout": 60,
}


def settings(**changes: object) -> Settings:
    return Settings.model_validate({**TABLES, **changes})


async def test_models_are_made_with_what_their_tables_say() -> None:
    catalogue = build(settings())
    chat = catalogue.models.resolve(None)
    assert chat.name == "chat"
    assert catalogue.models.names == ("chat", "fast", "gpt-4")
    policy = chat.policy
    assert (policy.routing, policy.hedge, policy.failover, policy.max_output_tokens) == ("weighted", 2, True, 99)
    assert (policy.limits.first_token_timeout, policy.limits.stall_timeout, policy.backoff.max_attempts) == (20, 60, 2)
    first, second = chat.targets
    assert (first.name, first.model, first.weight, first.max_concurrent) == ("eu", "gpt-4.1", 3, 5)
    assert (first.limits.first_token_timeout, first.limits.stall_timeout, first.breaker.threshold) == (20, 7, 5)
    assert first.price_of("chat") == Price(15, 15, 15)
    assert (second.name, second.upstream_model("chat"), second.limits.first_token_timeout) == ("vllm", "chat", 5)
    assert second.price_of("chat") == Price(1, 1, 2)
    with pytest.raises(Refused):
        catalogue.models.resolve("other")


async def test_models_share_the_connections_of_their_provider() -> None:
    catalogue = build(settings())
    chat, fast = catalogue.models.by_name.values()
    assert fast.targets[0].upstream is chat.targets[0].upstream
    assert fast.targets[0] is not chat.targets[0]
    assert catalogue.simulator is None


async def test_one_upstream_serves_any_model_or_those_that_are_listed() -> None:
    one = {"upstream": "http://127.0.0.1:9/v1", "provider": "mine"}
    any_model = build(Settings.model_validate(one)).models
    assert any_model.resolve("x").targets[0] is any_model.resolve("y").targets[0]
    listed = build(Settings.model_validate({**one, "model": ("x",), "aliases": {"z": "x"}})).models
    assert listed.resolve(None).name == listed.resolve("z").name == "x"
    with pytest.raises(Refused):
        listed.resolve("y")


async def test_without_any_the_simulator_answers() -> None:
    catalogue = build(Settings())
    assert catalogue.models.resolve(None).name == "sim"
    (target,) = catalogue.models.resolve("sim?speed=3").targets
    assert (target.name, target.breaker.threshold, target.preset) == ("simulator", 0, "simulator")
    with pytest.raises(Refused):
        catalogue.models.resolve("gpt-4")
    await catalogue.start()
    assert catalogue.upstreams[catalogue.providers["simulator"]].base_url.startswith("http://127.0.0.1:")
    await catalogue.close()


async def test_an_upstream_that_is_given_answers_for_all() -> None:
    upstream = ScriptedUpstream()
    catalogue = build(Settings(model=("m",)), upstream=upstream)
    assert catalogue.models.resolve("m").targets[0].upstream is upstream
    assert not catalogue.upstreams


async def test_what_has_not_changed_keeps_its_connections_and_its_memory() -> None:
    before = build(settings())
    slower = {"chat": TABLES["models"]["chat"], "fast": {"provider": "eu", "upstream_model": "smaller"}}  # type: ignore[index]
    after = build(settings(models=slower, default_model="fast"), previous=before)
    assert after.upstreams == before.upstreams
    old, new = before.models.by_name, after.models.by_name
    assert list(new["chat"].targets) == list(old["chat"].targets)
    assert new["fast"].targets[0] is not old["fast"].targets[0]
    other_key = {"eu": {**TABLES["providers"]["eu"], "key": SecretStr("l")}}  # type: ignore[index]
    changed = build(settings(providers=other_key), previous=before)
    kept = set(before.upstreams.values()) & set(changed.upstreams.values())
    assert [upstream.name for upstream in kept] == ["vllm"]


async def test_the_simulator_is_handed_on_while_it_is_used() -> None:
    first = build(Settings())
    await first.start()
    address = first.upstreams[first.providers["simulator"]].base_url
    second = build(settings(models={"a": {"provider": "simulator"}}, default_model=None, aliases={}), previous=first)
    await second.start()
    await first.close(second)
    assert second.upstreams[second.providers["simulator"]].base_url == address
    third = build(settings(), previous=second)
    await third.start()
    await second.close(third)
    assert third.simulator is None
    await third.close()


def test_all_that_a_catalogue_is_made_of_are_settings() -> None:
    assert Settings.model_fields.keys() >= CATALOG_SETTINGS
