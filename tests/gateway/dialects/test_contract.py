"""The contract of all dialects."""

import pytest

from gateway.app.factory import load_dialects
from gateway.config.settings import Settings
from gateway.dialects.base import Dialect, dialect_for
from gateway.protocol.errors import Code, Refused

DIALECTS = load_dialects()


def test_dialects_are_found_by_entry_points() -> None:
    assert {"openai_chat", "openai_responses", "anthropic", "gemini"} <= {dialect.name for dialect in DIALECTS}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_names_an_api_that_providers_have(dialect: Dialect) -> None:
    assert Settings(upstream_api=dialect.api).upstream_api == dialect.api


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_what_is_sent_to_its_paths_is_refused_in_its_form(dialect: Dialect) -> None:
    for path in dialect.paths:
        owner = dialect_for(DIALECTS, path.replace("{model:model}", "m"), {})
        assert owner is dialect
        assert dialect.refusal(Refused(Code.RATE_LIMIT, "Too many."))["error"]


def test_our_own_protocol_has_no_dialect() -> None:
    assert dialect_for(DIALECTS, "/api/chat/stream", {}) is None
