"""The catalog of a configuration, and what the next catalog reuses."""

import pytest
from pydantic import SecretStr

from gateway.app.catalog import CATALOG_SETTINGS, build
from gateway.billing.prices import Price
from gateway.config import Settings
from gateway.pipeline.statistics import target_figures
from gateway.protocol.errors import Refused
from tests.gateway.app.two_models import TABLES, settings
from tests.scripted_upstream import ScriptedUpstream


async def test_models_have_the_values_of_their_tables() -> None:
    catalog = build(settings())
    chat = catalog.models.resolve(None)
    assert chat.name == "chat"
    assert catalog.models.names == ("chat", "fast", "gpt-4")
    policy = chat.policy
    assert (policy.routing, policy.hedge, policy.failover, policy.max_output_tokens) == ("weighted", 2, True, 99)
    assert (policy.limits.first_token_timeout, policy.limits.stall_timeout, policy.backoff.max_attempts) == (20, 60, 2)
    first, second = chat.targets
    assert (first.name, first.model, first.weight, first.max_concurrent) == ("eu", "gpt-4.1", 3, 5)
    assert (first.limits.first_token_timeout, first.limits.stall_timeout, first.breaker.threshold) == (20, 7, 5)
    assert first.price_of("chat") is None, "a reseller has prices of its own"
    assert (second.name, second.upstream_model("chat"), second.limits.first_token_timeout) == ("vllm", "chat", 5)
    assert second.price_of("chat") == Price(1, 1, 2)
    with pytest.raises(Refused):
        catalog.models.resolve("other")


async def test_models_share_the_connections_of_their_provider() -> None:
    catalog = build(settings())
    chat, fast = catalog.models.by_name.values()
    assert fast.targets[0].upstream is chat.targets[0].upstream
    assert fast.targets[0] is not chat.targets[0]
    assert catalog.simulator is None


async def test_a_single_upstream_serves_the_listed_models_or_any() -> None:
    one = {"upstream": "http://127.0.0.1:9/v1", "provider": "mine"}
    any_model = build(Settings.model_validate(one)).models
    assert any_model.resolve("x").targets[0] is any_model.resolve("y").targets[0]
    listed = build(Settings.model_validate({**one, "model": ("x",), "aliases": {"z": "x"}})).models
    assert listed.resolve(None).name == listed.resolve("z").name == "x"
    with pytest.raises(Refused):
        listed.resolve("y")


async def test_a_target_that_models_share_is_listed_once_in_the_statistics() -> None:
    simulated = build(Settings(), previous=None).models
    (figures,) = target_figures(simulated, 0.0)
    assert figures["models"] == list(simulated.by_name)
    assert len(simulated.by_name) > 3
    assert (figures["model"], figures["upstream_model"], figures["provider"]) == (None, None, "simulator")
    any_model = build(Settings.model_validate({"upstream": "http://127.0.0.1:9/v1", "provider": "mine"})).models
    (figures,) = target_figures(any_model, 0.0)
    assert (figures["model"], figures["models"], figures["provider"]) == (None, [], "mine")
    separate = target_figures(build(settings()).models, 0.0)
    assert [(row["model"], row["models"], row["upstream_model"]) for row in separate] == [
        ("chat", ["chat"], "gpt-4.1"),
        ("chat", ["chat"], "chat"),
        ("fast", ["fast"], "small"),
    ]


async def test_without_an_upstream_the_simulator_answers() -> None:
    catalog = build(Settings())
    assert catalog.models.resolve(None).name == "sim"
    (target,) = catalog.models.resolve("sim?speed=3").targets
    assert (target.name, target.breaker.threshold, target.vendor) == ("simulator", 0, "simulator")
    with pytest.raises(Refused):
        catalog.models.resolve("gpt-4")
    await catalog.start()
    assert catalog.upstreams[catalog.providers["simulator"]].base_url.startswith("http://127.0.0.1:")
    await catalog.close()


async def test_an_upstream_in_the_arguments_serves_all_models() -> None:
    upstream = ScriptedUpstream()
    catalog = build(Settings(model=("m",)), upstream=upstream)
    assert catalog.models.resolve("m").targets[0].upstream is upstream
    assert not catalog.upstreams


async def test_unchanged_upstreams_and_targets_are_reused() -> None:
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


async def test_the_simulator_is_reused_while_a_provider_needs_it() -> None:
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


def test_catalog_settings_are_settings() -> None:
    assert Settings.model_fields.keys() >= CATALOG_SETTINGS
