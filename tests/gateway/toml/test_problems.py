"""Paths of settings, and messages about problems."""

import pytest

from gateway.toml.problems import MAX_SHOWN, Path, as_error, format_path, unknown_setting


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("port",), "port"),
        (("models", "gpt-4.1", "upstreams", 0, "weight"), 'models."gpt-4.1".upstreams[0].weight'),
        (("a b", 'c"\\'), '"a b"."c\\"\\\\"'),
        (("\x1b[31m",), '"\\u001b[31m"'),
        ((), ""),
    ],
)
def test_a_path_is_formatted_as_toml_keys(path: Path, text: str) -> None:
    assert format_path(path) == text


def test_an_unknown_setting_names_the_closest_or_all_known_ones() -> None:
    assert unknown_setting("prot", ["host", "port"]) == "unknown setting: did you mean port?"
    assert unknown_setting("colour", ["host", "port"]) == "unknown setting; known are: host, port"


def test_an_error_lists_a_limited_number_of_messages() -> None:
    messages = [str(number) for number in range(MAX_SHOWN)]
    assert str(as_error(messages, MAX_SHOWN)).splitlines() == messages
    assert str(as_error(messages, MAX_SHOWN + 2)).splitlines() == [*messages, "and 2 more"]
