"""The contract of all dialects."""

import pytest

from gateway.app.factory import load_dialects
from gateway.config.settings import Settings
from gateway.dialects.base import Dialect, DialectFinder, ModelApiDialect, is_model_api
from gateway.protocol.errors import Code, Refused
from tests.gateway.dialects.tables import MODEL_APIS

DIALECTS = load_dialects()
FINDER = DialectFinder(DIALECTS)


def test_dialects_are_found_by_entry_points() -> None:
    assert {"openai_chat", "openai_responses", "anthropic", "gemini"} <= {dialect.name for dialect in DIALECTS}


@pytest.mark.parametrize("dialect", MODEL_APIS.values(), ids=list(MODEL_APIS))
def test_a_model_api_is_one_that_providers_have(dialect: ModelApiDialect) -> None:
    assert Settings(upstream_api=dialect.api).upstream_api == dialect.api


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_model_api_is_recognized_as_by_its_protocol(dialect: Dialect) -> None:
    assert is_model_api(dialect) == isinstance(dialect, ModelApiDialect)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_what_is_sent_to_its_paths_is_refused_in_its_form(dialect: Dialect) -> None:
    for path in dialect.paths:
        owner = FINDER.find(path.replace("{model:model}", "m"), {})
        assert owner is dialect
        assert dialect.refusal(Refused(Code.RATE_LIMIT, "Too many."))["error"]


def test_our_own_protocol_has_no_dialect() -> None:
    assert FINDER.find("/api/chat/stream", {}) is None


@pytest.mark.parametrize("header", ["anthropic-version", "x-goog-api-key"])
def test_headers_distinguish_only_what_shares_a_path(header: str) -> None:
    found = FINDER.find("/v1/models", {header: "1"})
    assert found is not FINDER.find("/v1/models", {})
    assert FINDER.find("/api/generations", {header: "1"}) is None
