"""The cells of the tables."""

from gateway.billing.prices import Price, flat
from gateway.cli.bench.formats import UNKNOWN
from gateway.cli.bench.providers.report.table import errors, price
from tests.gateway.cli.bench.providers.report.examples import mixed


def test_cells_are_formatted() -> None:
    assert [price(None), price(flat(8)), price(Price(2, 0.5, 8))] == [UNKNOWN, "$8.00", "$2.00 / $8.00"]
    assert errors(mixed().lines[0].figures) == "0"
