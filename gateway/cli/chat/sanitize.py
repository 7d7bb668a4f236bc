"""Removes control characters from untrusted text, so that a model's output can't control the terminal. Pure."""

_ALLOWED = {"\n", "\t"}
_CONTROL_PICTURES = 0x2400

# Bidirectional controls change the order of the text after them, so that a line can read as something else (UAX #9).
_BIDI_CONTROLS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


def _build_table() -> dict[int, str | None]:
    table: dict[int, str | None] = {
        code: chr(_CONTROL_PICTURES + code) for code in range(0x20) if chr(code) not in _ALLOWED
    }
    table[ord("\r")] = None
    table[0x7F] = "\u2421"
    table.update(dict.fromkeys([*range(0x80, 0xA0), *_BIDI_CONTROLS, *range(0xD800, 0xE000)], "\ufffd"))
    return table


_TABLE = _build_table()


def safe(text: str) -> str:
    """Replace control characters by visible ones. Keep newlines and tabs, and remove carriage returns.

    Each character is replaced on its own, so a text can be processed in pieces.
    """
    return text if text.isprintable() else text.translate(_TABLE)


def safe_line(text: str) -> str:
    """Return the text as one line without control characters."""
    return " ".join(safe(text).split())
