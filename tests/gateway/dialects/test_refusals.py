"""Messages about fields."""

import pytest

from gateway.dialects.refusals import malformed, named, only_own_api


def test_a_refusal_names_the_field() -> None:
    refused = malformed("tools[1].name", "must be a string")
    assert (refused.message, refused.param, refused.status) == (
        *("tools[1].name: must be a string.", "tools[1].name", 400),
    )


@pytest.mark.parametrize(
    ("untranslated", "message"),
    [
        ([], ""),
        (["top_k", "container"], "top_k: the provider of this model does not support it: leave it out."),
        (
            [named("tools[0]", "web_search")],
            "tools[0]: the provider of this model does not support it (web_search): leave it out.",
        ),
    ],
)
def test_what_only_one_api_has_is_named_at_the_beginning(untranslated: list[str], message: str) -> None:
    assert only_own_api(untranslated) == message


def test_a_long_type_is_cut() -> None:
    assert named("a", "x" * 99) == f"a ({'x' * 64})"
