"""The tables of the documentation."""

import pytest

from gateway.config.docs_tables import FILE_TABLES, keys_table


@pytest.mark.parametrize("start", FILE_TABLES)
def test_every_key_is_described(start: str) -> None:
    assert "None |" not in keys_table(FILE_TABLES[start])
