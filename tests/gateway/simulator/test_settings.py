"""Settings in the model's name and in the header."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.errors import RequestError
from gateway.simulator.settings import PROFILES, SimulatorSettings, parse_settings


def test_plain_name_gives_the_defaults() -> None:
    assert parse_settings("sim") == SimulatorSettings(
        ttft=120,
        speed=85,
        jitter=0.2,
        length=None,
        language="english",
        reasoning=0,
        tool_calls=0,
        seed=None,
        chunk=None,
        usage="asked",
        cached=0,
        fault=None,
        after=5,
        retry_after=None,
        times=None,
        run="",
    )


def test_query_after_the_name_is_parsed() -> None:
    name = "sim?ttft=200&speed=8.5&jitter=0.3&length=600&language=vietnamese&fault=drop&after=20&seed=-3&chunk=1"
    assert parse_settings(name) == SimulatorSettings(
        ttft=200, speed=8.5, jitter=0.3, length=600, language="vietnamese", fault="drop", after=20, seed=-3, chunk=1
    )


def test_header_takes_precedence_over_the_name_and_the_name_over_the_profile() -> None:
    settings = parse_settings("sim-gpt-4o?speed=50&length=7", "length=9")
    assert (settings.ttft, settings.speed, settings.length) == (380, 50, 9)


@pytest.mark.parametrize(
    ("name", "ttft", "speed"),
    [
        ("sim-gpt-4.1", 120, 85),
        ("sim-gpt-4o", 380, 42),
        ("sim-claude-3.5-sonnet", 450, 38),
        ("sim-gemini-1.5-flash", 280, 55),
        ("sim-instant", 0, 0),
    ],
)
def test_profiles_have_the_times_they_are_named_for(name: str, ttft: float, speed: float) -> None:
    settings = parse_settings(name)
    assert (settings.ttft, settings.speed) == (ttft, speed)


def test_every_profile_can_be_parsed() -> None:
    assert all(isinstance(parse_settings(name), SimulatorSettings) for name in PROFILES)


@pytest.mark.parametrize("name", ["gpt-4", "", "simulator", "SIM", "?ttft=1"])
def test_unknown_model_is_not_found(name: str) -> None:
    with pytest.raises(RequestError, match="does not exist") as refused:
        parse_settings(name)
    assert (refused.value.status, refused.value.code, refused.value.param) == (404, "model_not_found", "model")


@pytest.mark.parametrize(
    "setting",
    [
        "ttft=-1",
        "ttft=nan",
        "speed=inf",
        "speed=fast",
        "jitter=1.1",
        "length=2.5",
        "length=5000001",
        "language=klingon",
        "reasoning=-1",
        "tool_calls=65",
        "seed=",
        "chunk=0",
        "usage=maybe",
        "cached=1.5",
        "fault=flood",
        "after=-1",
        "retry_after=soon",
    ],
)
def test_error_names_a_setting_whose_value_is_not_valid(setting: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(RequestError) as refused:
        parse_settings(f"sim?{setting}")
    assert (refused.value.status, refused.value.param) == (400, name)
    assert f"'{name}'" in refused.value.message
    assert f"'{value}'" in refused.value.message


def test_error_for_an_unknown_setting_lists_the_known_ones() -> None:
    with pytest.raises(RequestError, match=r"no setting 'sped'.*speed") as refused:
        parse_settings("sim?sped=3")
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "unknown_setting", "sped")


@pytest.mark.parametrize("query", ["speed", "&", "speed=3&&", "speed=3&x"])
def test_query_that_is_not_valid_is_refused(query: str) -> None:
    with pytest.raises(RequestError, match="must look like"):
        parse_settings("sim", query)


@given(st.text(min_size=1), st.text())
def test_any_text_is_parsed_or_refused(query: str, header: str) -> None:
    # Any other error fails the test.
    with contextlib.suppress(RequestError):
        assert isinstance(parse_settings(f"sim?{query}", header), SimulatorSettings)
