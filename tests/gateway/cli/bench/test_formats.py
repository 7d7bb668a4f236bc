"""The format of figures."""

from gateway.cli.bench.formats import UNKNOWN, money, ms, number, percent


def test_figures_are_formatted() -> None:
    assert [ms(None), ms(0.0), ms(0.00042), ms(0.0042), ms(1.2344)] == [
        UNKNOWN,
        "0 ms",
        "0.42 ms",
        "4.2 ms",
        "1,234 ms",
    ]
    assert [money(None), money(0), money(0.0042), money(-3), money(1234.5)] == [
        UNKNOWN,
        "$0.00",
        "$0.0042",
        "-$3.00",
        "$1,234.50",
    ]
    assert [percent(None), percent(-0.2), percent(46.7), percent(-50)] == [UNKNOWN, "0 %", "47 %", "-50 %"]
    assert [number(None), number(1234.5), number(0.25, 1)] == [UNKNOWN, "1,234", "0.2"]
