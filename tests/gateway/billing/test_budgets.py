"""Budgets per day, and charges to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.budgets import DAY, BudgetCharge, Budgets
from gateway.protocol.errors import Code, Refused


def test_a_budget_is_renewed_each_day() -> None:
    budgets = Budgets(1.0)
    budgets.check("a", DAY + 100)
    budgets.spend("a", 0.75, DAY + 100)
    assert budgets.remaining("a", DAY + 200) == 0.25
    assert budgets.remaining("b", DAY + 200) == 1.0
    budgets.spend("a", 0.25, DAY + 300)
    with pytest.raises(Refused, match="1 US dollars a day is spent; it is renewed at midnight UTC") as refused:
        budgets.check("a", 2 * DAY - 60)
    assert (refused.value.code, refused.value.status) == (Code.BUDGET_EXCEEDED, 402)
    assert refused.value.retry_after_ms == 60_000
    budgets.check("b", 2 * DAY - 60)
    budgets.check("a", 2 * DAY)
    assert budgets.remaining("a", 2 * DAY) == 1.0


def test_a_clock_set_back_over_midnight_does_not_renew_a_budget() -> None:
    budgets = Budgets(1.0)
    charge = BudgetCharge(budgets, "a")
    assert charge.charge_to_date(0.75, 2 * DAY + 60) == 0.25
    assert budgets.remaining("a", 2 * DAY - 60) == 0.25
    assert charge.charge_to_date(1.0, 2 * DAY - 60) == 0.0
    with pytest.raises(Refused) as refused:
        budgets.check("a", 2 * DAY - 60)
    assert refused.value.retry_after_ms == (DAY + 60) * 1000
    assert budgets.remaining("a", 2 * DAY + 120) == 0.0
    assert budgets.remaining("a", 3 * DAY) == 1.0


def test_a_clock_that_was_years_ahead_does_not_keep_a_budget_spent() -> None:
    budgets = Budgets(1.0)
    budgets.spend("a", 1.0, 4000 * DAY)
    assert budgets.remaining("a", 7 * DAY + 5) == 0.0
    assert budgets.remaining("a", 8 * DAY) == 1.0


def test_without_a_budget_nothing_is_recorded() -> None:
    budgets = Budgets()
    budgets.spend("a", 1e9, 0)
    budgets.check("a", 0)
    assert budgets.spent("a", 0) == 0


def test_charges_follow_the_cost() -> None:
    budgets = Budgets(1.0)
    charge = BudgetCharge(budgets, "a")
    assert charge.charge_to_date(0.2, 0) == pytest.approx(0.8)
    assert charge.charge_to_date(None, 0) == pytest.approx(0.8)
    assert charge.charge_to_date(0.5, 0) == pytest.approx(0.5)
    # The provider's own figures are lower than our estimate.
    assert charge.charge_to_date(0.1, 0) == pytest.approx(0.9)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=40))
def test_the_last_costs_are_what_was_spent(costs: list[tuple[str, float]]) -> None:
    budgets = Budgets(1000.0)
    running = {name: BudgetCharge(budgets, "p") for name in "abc"}
    last: dict[str, float] = {}
    for name, cost in costs:
        running[name].charge_to_date(cost, 5.0)
        last[name] = cost
    assert budgets.spent("p", 5.0) == pytest.approx(sum(last.values()), abs=1e-9)


def test_a_principals_own_budget_replaces_the_general_one() -> None:
    budgets = Budgets(1.0)
    rich, free = BudgetCharge(budgets, "rich", 5.0), BudgetCharge(budgets, "free", 0)
    assert rich.charge_to_date(2.0, 0) == 3.0
    assert free.charge_to_date(9.0, 0) == float("inf")
    assert (rich.is_limited, free.is_limited, BudgetCharge(budgets, "x").is_limited) == (True, False, True)
    budgets.check("rich", 0, 5.0)
    rich.charge_to_date(5.0, 0)
    with pytest.raises(Refused, match="The budget of 5 US dollars"):
        budgets.check("rich", 0, 5.0)
    assert "5 US dollars" in rich.exceeded(0).message
    assert BudgetCharge(Budgets(), "poor", 1.0).charge_to_date(0.25, 0) == 0.75


def test_a_refund_of_yesterday_does_not_raise_the_budget_of_today() -> None:
    budgets = Budgets(10.0)
    late, other = BudgetCharge(budgets, "a"), BudgetCharge(budgets, "a")
    late.charge_to_date(9.0, DAY - 1)
    other.charge_to_date(3.0, DAY + 1)
    assert late.charge_to_date(1.0, DAY + 1) == 7.0
    # From now on it is charged what it costs beyond that.
    assert late.charge_to_date(2.0, DAY + 2) == 6.0
    assert late.charge_to_date(1.5, DAY + 3) == 6.5


def test_an_operator_may_grant_more_for_a_day() -> None:
    budgets, reported = Budgets(1.0), list[str]()
    budgets.on_spend = reported.append
    charge = BudgetCharge(budgets, "a")
    assert charge.charge_to_date(1.0, DAY) == 0
    budgets.grant("a", 0.5, DAY)
    # What runs may go on, and is refunded as before.
    assert charge.charge_to_date(1.25, DAY) == 0.25
    assert charge.charge_to_date(1.0, DAY) == 0.5
    assert (budgets.granted("a", DAY), budgets.spent("a", DAY)) == (0.5, 0.5)
    assert reported[1] == "a"
    assert [*budgets.known(DAY)] == ["a"]
    assert budgets.renewed_at(DAY + 1) == 2 * DAY
    assert (budgets.granted("a", 2 * DAY), budgets.remaining("a", 2 * DAY)) == (0, 1)


def test_what_is_granted_elsewhere_is_known_beside_what_is_spent_there() -> None:
    budgets = Budgets(1.0)
    budgets.grant("a", 0.5, DAY)
    budgets.set_spent_elsewhere("a", -2.0)
    budgets.set_granted_elsewhere("a", 2.0)
    assert (budgets.granted("a", DAY), budgets.granted_here("a", DAY)) == (2.5, 0.5)
    assert (budgets.remaining("a", DAY), budgets.spent_here("a", DAY)) == (3.5, -0.5)
    budgets.set_granted_elsewhere("a", 3.0)
    assert budgets.granted("a", DAY) == 3.5
