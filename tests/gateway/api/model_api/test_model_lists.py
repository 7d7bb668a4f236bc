"""Lists and descriptions of models, in the form of each API."""

import pytest

from gateway.api.model_api.model_lists import AnthropicModels, GeminiModels, OpenAIModels
from gateway.protocol.errors import Refused

NAMES = ("a", "b", "c")


def test_openais_form() -> None:
    described = {"id": "a", "object": "model", "created": 0, "owned_by": "dualstream"}
    assert OpenAIModels().describe("a", 0) == described
    assert OpenAIModels().list(NAMES[:1], 0, {}) == {"object": "list", "data": [described]}


def test_anthropics_form() -> None:
    described = {
        "type": "model",
        "id": "a",
        "display_name": "a",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
    }
    assert AnthropicModels().describe("a", 0) == described
    assert AnthropicModels().list(NAMES[:1], 0, {}) == {
        "data": [described],
        "has_more": False,
        "first_id": "a",
        "last_id": "a",
    }
    assert AnthropicModels().list((), 0, {})["first_id"] is None


@pytest.mark.parametrize(
    ("query", "first", "last", "more"),
    [
        ({"limit": "2"}, "a", "b", True),
        ({"limit": "2", "after_id": "b"}, "c", "c", False),
        ({"limit": "1", "before_id": "c"}, "b", "b", True),
        ({"before_id": "c"}, "a", "b", False),
    ],
)
def test_anthropics_pages(query: dict[str, str], first: str, last: str, more: bool) -> None:
    page = AnthropicModels().list(NAMES, 0, query)
    assert (page["first_id"], page["last_id"], page["has_more"]) == (first, last, more)


def test_googles_form_and_pages() -> None:
    assert GeminiModels().name_of("models/a") == GeminiModels().name_of("a") == "a"
    described = GeminiModels().describe("a", 0)
    assert (described["name"], described["displayName"]) == ("models/a", "a")
    assert GeminiModels().list(NAMES[:1], 0, {}) == {"models": [described]}
    page = GeminiModels().list(NAMES, 0, {"pageSize": "2"})
    assert page["nextPageToken"] == "2"
    assert GeminiModels().list(NAMES, 0, {"pageToken": "2"}) == {"models": [GeminiModels().describe("c", 0)]}


@pytest.mark.parametrize(
    ("form", "query"),
    [
        *((AnthropicModels(), {"limit": text}) for text in ("0", "1001", "x", "-1", "9" * 5000)),
        (AnthropicModels(), {"after_id": "x"}),
        (AnthropicModels(), {"before_id": "x"}),
        (GeminiModels(), {"pageSize": "0"}),
        *((GeminiModels(), {"pageToken": text}) for text in ("x", "-1", "9" * 5000)),
    ],
)
def test_an_invalid_parameter_is_named(form: AnthropicModels | GeminiModels, query: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        form.list(NAMES, 0, query)
    assert [refused.value.param] == [*query]
