"""Fields of messages in Google's JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.gemini.fields import Fields, camel_case
from gateway.protocol.errors import Refused


@pytest.mark.parametrize(
    ("name", "camel"),
    [("inline_data", "inlineData"), ("inlineData", "inlineData"), ("text", "text"), ("a_b2_c", "aB2C"), ("_x_y", "xY")],
)
def test_names_in_camel_case(name: str, camel: str) -> None:
    assert camel_case(name) == camel


@given(st.text())
def test_a_name_in_camel_case_stays(name: str) -> None:
    assert camel_case(camel_case(name)) == camel_case(name)


def test_what_was_not_taken_remains() -> None:
    fields = Fields.of({"role": "user", "new_thing": 1, "empty": [], "nothing": None}, "contents[0]")
    assert fields.text("role") == "user"
    assert fields.text("other") == ""
    assert fields.rest() == ["contents[0].newThing"]


def test_a_message_may_stand_without_its_list() -> None:
    fields = Fields.of({"one": {"x": 1}, "two": [{"x": 2}, {"x": 3}]}, "")
    assert [(each.path, each.take("x")) for each in fields.messages("one")] == [("one", 1)]
    assert [(each.path, each.take("x")) for each in fields.messages("two")] == [("two[0]", 2), ("two[1]", 3)]
    assert [*fields.messages("three")] == []
    assert fields.message("three") is None


def test_values_of_another_type_are_refused_with_their_path() -> None:
    fields = Fields.of({"text": 5, "content": "x", "list": ["x"]}, "contents[0]")
    with pytest.raises(Refused, match=r"contents\[0\]\.text: must be a string"):
        fields.text("text")
    with pytest.raises(Refused, match=r"contents\[0\]\.content: must be an object"):
        fields.message("content")
    with pytest.raises(Refused, match=r"contents\[0\]\.list\[0\]: must be an object"):
        list(fields.messages("list"))
