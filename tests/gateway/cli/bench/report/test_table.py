"""The format of figures."""

from gateway.billing.prices import Price, flat
from gateway.cli.bench.report.table import UNKNOWN, errors, money, ms, percent, price
from tests.gateway.cli.bench.report.examples import mixed


def test_figures_are_formatted() -> None:
    assert [ms(None), ms(0.0), ms(0.0042), ms(1.2344)] == [UNKNOWN, "0 ms", "4.2 ms", "1,234 ms"]
    assert [money(None), money(0), money(0.0042), money(-3), money(1234.5)] == [
        UNKNOWN,
        "$0.00",
        "$0.0042",
        "-$3.00",
        "$1,234.50",
    ]
    assert [percent(None), percent(-0.2), percent(46.7), percent(-50)] == [UNKNOWN, "0 %", "47 %", "-50 %"]
    assert [price(None), price(flat(8)), price(Price(2, 0.5, 8))] == [UNKNOWN, "$8.00", "$2.00 / $8.00"]
    assert errors(mixed().lines[0].figures) == "0"
