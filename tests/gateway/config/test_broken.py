"""Every error of a configuration is in the documentation as it is printed, and shows no key."""

import pytest

from gateway.config import Settings
from gateway.config.tables import JwtTable, ModelTable, PriceTable, ProviderTable, UpstreamTable
from tests.gateway.config.broken import BROKEN, PAGE, Broken, page


def test_the_documentation_shows_what_is_printed() -> None:
    assert PAGE.read_text("utf-8") == page(), "make config-errors"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.what)
def test_it_is_said_where_and_shows_no_key(broken: Broken) -> None:
    printed = broken.printed()
    assert "sk-" not in printed
    assert "Input should" not in printed
    for line in printed.splitlines():
        assert line.startswith(("dualstream.toml:", "DUALSTREAM_", "--", "and ")), line


def test_no_key_of_a_table_is_told_that_is_none() -> None:
    hidden = {
        name
        for kind in (Settings, ProviderTable, JwtTable)
        for name, field in kind.model_fields.items()
        if field.exclude
    }
    assert hidden == {"key", "secret"}
    for kind in (ModelTable, UpstreamTable, PriceTable):
        assert not any(field.exclude for field in kind.model_fields.values())
