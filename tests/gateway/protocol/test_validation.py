"""How a refusal names the field, and counts the others."""

from typing import Annotated, ClassVar

import pytest
from pydantic import ConfigDict, Field, model_validator

from gateway.protocol.errors import Refused
from gateway.protocol.validation import JSON_INTEGER, StrictModel, parse, problem_at


class Inner(StrictModel):
    advice: ClassVar[dict[str, str]] = {"old": "is called new here"}

    new: int | None = None


class Outer(StrictModel):
    count: Annotated[int, JSON_INTEGER] = 0
    name: str | list[str] = ""
    names: dict[Annotated[str, Field(max_length=3)], str] = Field({})
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _check(self) -> "Outer":
        if self.count == 13:
            raise problem_at(("names", 7, "x"), "{is} unlucky")
        return self


class Extended(StrictModel):
    model_config = ConfigDict(extra="allow")

    name: str | None = None


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ([], None, "The body must be a JSON object, not an array."),
        (2, None, "The body must be a JSON object, not a number."),
        ({"other": 1}, "other", "other: unknown field; known are: count, name, names, inner"),
        ({"inner": {"other": 1}}, "inner.other", "inner.other: unknown field; known are: new"),
        ({"inner": {"old": 1}}, "inner.old", "inner.old: is called new here"),
        ({"old": 1}, "old", "old: unknown field; known are: count, name, names, inner"),
        ({"count": "1", "inner": {"old": 1}}, "inner.old", "inner.old: is called new here (1 more)"),
        ({"name": 5}, "name", "name: Input should be a valid string"),
        ({"names": {"long": ""}}, "names.long", "names.long: the name of an entry: String should have at most"),
        ({"count": 13.0}, "names[7].x", "names[7].x: {is} unlucky"),
    ],
)
def test_a_refusal_names_the_field(body: object, param: str | None, message: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(Outer, body)
    assert refused.value.param == param
    assert refused.value.message.startswith(message)


def test_an_integral_float_is_an_integer() -> None:
    assert repr(parse(Outer, {"count": 2.0}).count) == "2"


@pytest.mark.parametrize("model", [Inner(), Inner(new=1), Extended.model_validate({"name": "a", "further": [1]})])
@pytest.mark.parametrize("changes", [{}, {"new": 2}, {"name": None}])
def test_an_updated_copy_is_what_pydantic_copies(model: StrictModel, changes: dict[str, object]) -> None:
    before = model.model_dump_json()
    known = {name: value for name, value in changes.items() if name in type(model).model_fields}
    ours, theirs = model.updated(**known), model.model_copy(update=known)
    assert (ours, ours.model_fields_set, ours.model_extra) == (theirs, theirs.model_fields_set, theirs.model_extra)
    assert model.model_dump_json() == before
