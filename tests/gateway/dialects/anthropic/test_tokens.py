"""What other providers want to have back."""

import pytest

from gateway.dialects.anthropic.tokens import PREFIX, read_token, write_token


def test_a_token_is_read_as_it_was_written() -> None:
    assert read_token(write_token({"format": "gemini", "signature": "ü"})) == {"format": "gemini", "signature": "ü"}


@pytest.mark.parametrize("text", ["", "c2ln", PREFIX, PREFIX + "!", PREFIX + "MQ==", PREFIX + "eyJhIjoxfQ==", None, 1])
def test_any_other_text_is_no_token(text: object) -> None:
    assert read_token(text) is None
