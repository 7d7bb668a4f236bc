"""docs/reference/configuration-errors.md contains each error as its message, and no error shows a key."""

import pytest

from tests.gateway.config.broken import BROKEN, PAGE, Broken, page


def test_the_documentation_shows_each_error() -> None:
    assert PAGE.read_text("utf-8") == page(), "make config-errors"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.title)
def test_an_error_names_its_place_and_shows_no_key(broken: Broken) -> None:
    message = broken.message()
    assert "sk-" not in message
    assert "Input should" not in message
    for line in message.splitlines():
        assert line.startswith(("dualstream.toml:", "DUALSTREAM_", "--", "and ")), line
