"""Control characters in untrusted text."""

import pytest

from gateway.cli.chat.sanitize import safe, safe_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Xin chào 👋🏽 \u200d\n\ttab", "Xin chào 👋🏽 \u200d\n\ttab"),
        ("\x1b]0;owned\x07\x1b[2J", "␛]0;owned␇␛[2J"),
        ("a\r\nb\rc", "a\nbc"),
        ("\x9b2J\x7f\x00\x08", "\ufffd2J␡␀␈"),
        ("abc\u202edef\u2066", "abc\ufffddef\ufffd"),
    ],
)
def test_the_output_of_a_model_can_not_control_the_terminal(text: str, expected: str) -> None:
    assert safe(text) == expected
    assert "".join(map(safe, text)) == expected


def test_a_line_stays_one_line() -> None:
    assert safe_line("a\nb\x1b\r\n c") == "a b␛ c"
