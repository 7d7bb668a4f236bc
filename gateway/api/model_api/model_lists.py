"""Describe models in the forms of the APIs whose clients list them. Pure.

Sources: platform.openai.com/docs/api-reference/models; docs.anthropic.com, "List Models", "Get a Model";
ai.google.dev/api/models.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from gateway.api.model_api.pages import page_size
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused, invalid

OWNER: Final = "dualstream"
MAX_PAGE: Final = 1000
"""Maximum number of models in a page, in Anthropic's and in Google's API."""

_PREFIX: Final = "models/"


class ModelForm(Protocol):
    """How an API describes models. `created` is in seconds since 1970."""

    def describe(self, name: str, created: int) -> JsonObject:
        """Return the description of one model."""
        ...

    def list(self, names: Sequence[str], created: int, query: Mapping[str, str]) -> JsonObject:
        """Return a list of models, or the page of it that the parameters ask for.

        Raises:
            Refused: a parameter is not valid.
        """
        ...

    def name_of(self, identifier: str) -> str:
        """Return the name of a model that a client gives by its identifier."""
        ...


class OpenAIModels:
    """OpenAI's form: a list without pages."""

    def describe(self, name: str, created: int) -> JsonObject:
        """See `ModelForm.describe`."""
        return {"id": name, "object": "model", "created": created, "owned_by": OWNER}

    def list(self, names: Sequence[str], created: int, _query: Mapping[str, str]) -> JsonObject:
        """See `ModelForm.list`."""
        return {"object": "list", "data": [self.describe(name, created) for name in names]}

    def name_of(self, identifier: str) -> str:
        """See `ModelForm.name_of`."""
        return identifier


class AnthropicModels:
    """Anthropic's form: pages before or after a model's id."""

    def describe(self, name: str, created: int) -> JsonObject:
        """See `ModelForm.describe`."""
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycle": "active",
        }

    def list(self, names: Sequence[str], created: int, query: Mapping[str, str]) -> JsonObject:
        """See `ModelForm.list`."""
        limit = page_size(query, "limit", 20, MAX_PAGE)
        if before := query.get("before_id"):
            rest = names[: _position(names, before, "before_id")]
            page = rest[max(0, len(rest) - limit) :]
        else:
            after = query.get("after_id")
            rest = names[_position(names, after, "after_id") + 1 :] if after else names
            page = rest[:limit]
        return {
            "data": [self.describe(name, created) for name in page],
            "has_more": len(page) < len(rest),
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }

    def name_of(self, identifier: str) -> str:
        """See `ModelForm.name_of`."""
        return identifier


class GeminiModels:
    """Google's form: pages after a token, which is the number of models before it."""

    def describe(self, name: str, _created: int) -> JsonObject:
        """See `ModelForm.describe`."""
        return {
            "name": f"{_PREFIX}{name}",
            "baseModelId": name,
            "version": "001",
            "displayName": name,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }

    def list(self, names: Sequence[str], created: int, query: Mapping[str, str]) -> JsonObject:
        """See `ModelForm.list`."""
        size, token = page_size(query, "pageSize", 50, MAX_PAGE), query.get("pageToken") or "0"
        if not (token.isascii() and token.isdigit() and int(token[:9]) <= len(names)):
            message = "pageToken: must be a nextPageToken of an earlier page."
            raise invalid(message, param="pageToken")
        start = int(token[:9])
        page, end = names[start : start + size], start + size
        more: JsonObject = {"nextPageToken": str(end)} if end < len(names) else {}
        return {"models": [self.describe(name, created) for name in page], **more}

    def name_of(self, identifier: str) -> str:
        """See `ModelForm.name_of`."""
        return identifier.removeprefix(_PREFIX)


FORMS: Final[Mapping[str, ModelForm]] = {"anthropic": AnthropicModels(), "gemini": GeminiModels()}
"""Forms of APIs other than OpenAI's, by their names in the settings."""


def _position(names: Sequence[str], name: str, parameter: str) -> int:
    try:
        return names.index(name)
    except ValueError:
        raise _unknown(parameter) from None


def _unknown(parameter: str) -> Refused:
    return invalid(f"{parameter}: must be the id of a model in the list.", param=parameter)
