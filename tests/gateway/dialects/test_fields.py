"""Messages about fields."""

import pytest

from gateway.dialects.fields import malformed, named, objects_at, only_own_api, text_at
from gateway.protocol.errors import Refused


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


def test_a_list_of_objects_is_read() -> None:
    assert objects_at([{"a": 1}], "tools") == [{"a": 1}]
    for value, path in (("x", "tools"), ([{}, 1], "tools[1]")):
        with pytest.raises(Refused) as refused:
            objects_at(value, "tools")  # type: ignore[arg-type]
        assert refused.value.param == path


def test_a_text_is_read() -> None:
    assert text_at("a", "name") == "a"
    with pytest.raises(Refused, match="name: must be a string"):
        text_at(None, "name")
