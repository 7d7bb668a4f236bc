"""The most tokens that Claude's models write."""

from pathlib import Path

import pytest

from gateway.upstreams.formats.anthropic_limits import CONTEXT, FAMILIES, LEAST, UNKNOWN_MODEL, default_max_tokens
from tests.start_requests import user_message

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "providers.md"


@pytest.mark.parametrize(
    ("model", "max_tokens"),
    [
        *(("claude-2.1", 4096), ("claude-3-haiku-20240307", 4096), ("anthropic/claude-3-opus", 4096)),
        *(("claude-3-5-sonnet-20241022", 8192), ("anthropic.claude-3-5-haiku-20241022-v1:0", 8192)),
        *(("anthropic/claude-3.5-sonnet", 8192), ("claude-3-7-sonnet-latest", 64_000), ("claude-3.7-sonnet", 64_000)),
        *(("claude-opus-4-20250514", 32_000), ("claude-opus-4-1", 32_000), ("claude-opus-4@20250514", 32_000)),
        *(("us.anthropic.claude-opus-4-1-20250805-v1:0", 32_000), ("anthropic/claude-opus-4.1", 32_000)),
        *(("claude-opus-4", 32_000), ("claude-opus-4-0", 32_000), ("claude-sonnet-4-20250514", 64_000)),
        *(("claude-sonnet-4-5-20250929", 64_000), ("claude-haiku-4-5", 64_000), ("claude-opus-4-5-20251101", 64_000)),
        *(("anthropic/claude-opus-4.5", 64_000), ("claude-opus-4-6", 128_000), ("anthropic/claude-opus-4.7", 128_000)),
        *(("claude-opus-4-10", 128_000), ("claude-opus-5", 128_000), ("claude-sonnet-5", 64_000)),
        *(("claude-something-new", 64_000), ("kimi-k2", None), ("glm-4.6", None)),
    ],
)
def test_the_maximum_of_a_model(model: str, max_tokens: int | None) -> None:
    assert default_max_tokens(model, [user_message("Hi")]) == max_tokens


def test_prompt_and_answer_fit_into_the_context_of_models_that_check_it() -> None:
    prompt = [user_message("word " * 80_000)]
    fitting = default_max_tokens("claude-sonnet-4-20250514", prompt)
    assert fitting is not None
    assert LEAST < fitting < 64_000
    assert fitting + 100_000 < CONTEXT
    assert default_max_tokens("claude-sonnet-4-20250514", [user_message("word " * 200_000)]) == LEAST
    assert default_max_tokens("claude-sonnet-4-5", prompt) == 64_000


def test_the_page_has_the_table() -> None:
    rows = [f"| {family.names} | {family.max_tokens:,} |" for family in FAMILIES]
    rows.append(f"| models of other makers | {UNKNOWN_MODEL:,}, and the thinking budget |")
    assert "\n".join(rows) in PAGE.read_text("utf-8")
