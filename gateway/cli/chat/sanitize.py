"""Make a model's text safe to show: it may say anything, but must not drive the terminal. Pure."""

_KEPT = {"\n", "\t"}
_CONTROL_PICTURES = 0x2400

# Signs that turn the direction of the text after them: they could make a line read as something else.
_DIRECTIONS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


def _visible() -> dict[int, str | None]:
    table: dict[int, str | None] = {
        code: chr(_CONTROL_PICTURES + code) for code in range(0x20) if chr(code) not in _KEPT
    }
    table[ord("\r")] = None
    table[0x7F] = "\u2421"
    table.update(dict.fromkeys([*range(0x80, 0xA0), *_DIRECTIONS, *range(0xD800, 0xE000)], "\ufffd"))
    return table


_TABLE = _visible()


def safe(text: str) -> str:
    """Give the text with its control characters made visible; newlines and tabs stay, carriage returns go.

    It works character by character, so pieces of a text can be made safe one by one.
    """
    return text if text.isprintable() else text.translate(_TABLE)


def safe_line(text: str) -> str:
    """Give the text as one safe line."""
    return " ".join(safe(text).split())
