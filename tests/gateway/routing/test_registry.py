"""Registries restricted to the models that a principal may use."""

import pytest

from gateway.protocol.errors import Code, Refused
from gateway.routing.model import Model
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from tests.scripted_upstream import ScriptedUpstream


def model(name: str) -> Model:
    return Model(name, [Target(ScriptedUpstream())])


MODELS = ModelRegistry([model("a"), model("b"), model("c")], aliases={"x": "a", "y": "b"}, default="y")


def test_only_allowed_models_exist_with_their_aliases() -> None:
    only = MODELS.only({"a", "c", "nowhere"})
    assert only.names == ("a", "c", "x")
    assert only.default == "a"
    assert only.resolve("x") is MODELS.resolve("a")
    for name in ("b", "y", "nowhere"):
        with pytest.raises(Refused, match="known are: a, c, x") as refused:
            only.resolve(name)
        assert refused.value.code is Code.MODEL_NOT_FOUND


def test_allowing_an_alias_allows_its_model() -> None:
    only = MODELS.only({"y"})
    assert (only.names, only.default) == (("b", "y"), "y")


def test_with_nothing_allowed_no_model_exists() -> None:
    only = MODELS.only(())
    assert only.names == ()
    for name in (None, "a"):
        with pytest.raises(Refused):
            only.resolve(name)


def test_of_unlisted_models_only_the_allowed_exist() -> None:
    only = ModelRegistry(unlisted=model).only({"p", "q"})
    assert only.names == ("p", "q")
    assert only.resolve(None).name == "p"
    with pytest.raises(Refused):
        only.resolve("r")
