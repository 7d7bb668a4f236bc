"""What principals use in a day."""

import pytest

from gateway.billing import daily_use
from gateway.billing.budgets import DAY
from gateway.billing.daily_use import NO_USE, DailyUse, Use


def test_the_use_of_a_day_adds_up_and_ends_with_it() -> None:
    used = DailyUse()
    used.add("a", Use(1, 10, 20, 0.5), DAY)
    used.add("a", Use(1, 1, 2, 0.25), DAY + 1)
    assert used.of("a", DAY + 2) == Use(2, 11, 22, 0.75)
    assert used.of("b", DAY + 2) == NO_USE
    # A clock that is set back changes nothing.
    assert used.of("a", DAY - 1) == Use(2, 11, 22, 0.75)
    assert used.start_day(2 * DAY) == 2
    assert used.of("a", 2 * DAY) == NO_USE
    assert used.start_day(0) == 0


def test_the_number_of_principals_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_use, "MAX_PRINCIPALS", 1)
    used = DailyUse()
    for name in ("a", "b", "a"):
        used.add(name, Use(1), DAY)
    assert (used.of("a", DAY), used.of("b", DAY)) == (Use(2), NO_USE)
