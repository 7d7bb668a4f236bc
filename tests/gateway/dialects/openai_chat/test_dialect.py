"""The dialect of chat completions: which requests it owns."""

import pytest

from gateway.dialects.openai_chat import OpenAIChatDialect


@pytest.mark.parametrize(
    ("path", "owned"),
    [("/v1/chat/completions", True), ("/v1/models", True), ("/v1beta/models", False), ("/api", False)],
)
def test_it_owns_what_is_below_v1(path: str, owned: bool) -> None:
    assert OpenAIChatDialect().owns(path, {}) is owned
