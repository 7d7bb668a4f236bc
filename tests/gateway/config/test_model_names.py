"""Names of the models that a configuration serves and compares."""

from gateway.config import Settings
from gateway.config.model_names import PROVIDER_PROFILES, SIMULATED_MODELS, models_to_compare, served_models

ONE_UPSTREAM = {"upstream": "http://127.0.0.1:9/v1"}
TWO_MODELS = {"models": {"a": {"provider": "ollama"}, "b": {"provider": "vllm"}}, "aliases": {"c": "a"}}


def test_configured_models_are_served_without_their_aliases() -> None:
    settings = Settings.model_validate(TWO_MODELS)
    assert served_models(settings) == models_to_compare(settings) == ("a", "b")


def test_one_upstream_serves_the_listed_models_or_any() -> None:
    assert served_models(Settings.model_validate({**ONE_UPSTREAM, "model": ["a"]})) == ("a",)
    assert served_models(Settings.model_validate(ONE_UPSTREAM)) == ()


def test_the_simulator_compares_the_profiles_of_providers_only() -> None:
    assert served_models(Settings()) == SIMULATED_MODELS
    assert models_to_compare(Settings()) == PROVIDER_PROFILES
    assert models_to_compare(Settings(model=("sim",))) == ("sim",)
