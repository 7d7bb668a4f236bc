"""What was used and what it costs: prices, attempts, budgets, and what interrupts saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.budgets import DAY, BudgetCharge, Budgets
from gateway.billing.prices import Price, flat, known_price
from gateway.billing.savings import Savings
from gateway.generation.attempt import Attempt
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Usage
from tests.support import user

PRICE = Price(input=2.0, cached=0.5, output=8.0)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(1_000_000, 0, "exact"), 2.0),
        (Usage(0, 1_000_000, "exact"), 8.0),
        (Usage(1_000_000, 0, "exact", cached_input_tokens=400_000), 1.4),
        (Usage(10, 0, "exact", cached_input_tokens=99), 0.000005),
        (Usage(0, 0, "exact"), 0.0),
        (Usage(None, 5, "exact"), None),
        (Usage(5, None, "exact"), None),
    ],
)
def test_a_price(usage: Usage, cost: float | None) -> None:
    assert PRICE.cost(usage) == (None if cost is None else pytest.approx(cost))


@pytest.mark.parametrize(
    ("preset", "model", "dollars"),
    [
        ("holysheep", "gpt-4.1", 8.0),
        ("holysheep", "deepseek-v3.2", 0.42),
        ("openai", "gpt-4o", 15.0),
        ("openai", "gpt-4o-2024-08-06", 15.0),
        ("anthropic", "claude-3-5-sonnet-20241022", 15.0),
        ("gemini", "gemini-1.5-flash", 2.5),
        ("simulator", "sim-gpt-4.1?ttft=5&speed=0", 8.0),
        ("openai", "gpt-4o-mini", None),
        ("openai", "gpt-5", None),
        ("", "gpt-4o", None),
    ],
)
def test_the_prices_we_know(preset: str, model: str, dollars: float | None) -> None:
    assert known_price(preset, model) == (None if dollars is None else flat(dollars))


def test_ten_thousand_requests_of_160_tokens_cost_what_the_first_comparison_says() -> None:
    for preset, model, dollars in (
        ("holysheep", "gpt-4.1", 12.80),
        ("openai", "gpt-4o", 24.00),
        ("anthropic", "claude-3-5-sonnet", 24.00),
        ("gemini", "gemini-1.5-flash", 4.00),
    ):
        price = known_price(preset, model)
        assert price is not None
        assert price.cost(Usage(0, 160 * 10_000, "exact")) == pytest.approx(dollars)


def attempt(price: Price | None = PRICE) -> Attempt:
    return Attempt(1, 1, (user("x" * 36),), price=price)  # 13 tokens by the estimate


def test_a_call_that_was_not_taken_is_free_even_at_no_known_price() -> None:
    it = attempt(None)
    it.refused = True
    assert it.cost() == 0


def test_a_call_that_was_cut_costs_its_prompt_and_what_came() -> None:
    it = attempt()
    assert it.cost() == pytest.approx(13 * 2e-6)
    it.text_bytes = 400
    assert it.cost() == pytest.approx(13 * 2e-6 + 100 * 8e-6)
    it.figures(Usage(50, 1, "exact", cached_input_tokens=40), final=False)
    assert it.used() == Usage(50, 100, "estimated", 40, None)
    assert it.cost() == pytest.approx(10 * 2e-6 + 40 * 0.5e-6 + 100 * 8e-6)
    it.figures(Usage(50, 120, "exact"), final=True)
    assert it.cost() == pytest.approx(50 * 2e-6 + 120 * 8e-6)


def test_without_a_price_the_cost_is_not_known() -> None:
    assert attempt(None).cost() is None


def test_what_it_cost_is_kept_when_the_prompt_is_dropped() -> None:
    it = attempt()
    it.text_bytes = 400
    before = (it.used(), it.cost())
    it.forget_prompt()
    assert (it.used(), it.cost()) == before
    assert it.messages == ()


def test_a_budget_of_a_day() -> None:
    it = Budgets(1.0)
    it.check("a", DAY + 100)
    it.spend("a", 0.75, DAY + 100)
    assert it.remaining("a", DAY + 200) == 0.25
    assert it.remaining("b", DAY + 200) == 1.0
    it.spend("a", 0.25, DAY + 300)
    with pytest.raises(Refused, match="1 US dollars a day is spent; it is renewed at midnight UTC") as refused:
        it.check("a", 2 * DAY - 60)
    assert (refused.value.code, refused.value.status) == (Code.BUDGET_EXCEEDED, 402)
    assert refused.value.retry_after_ms == 60_000
    it.check("b", 2 * DAY - 60)
    it.check("a", 2 * DAY)
    assert it.remaining("a", 2 * DAY) == 1.0


def test_without_a_budget_nothing_is_remembered() -> None:
    it = Budgets()
    it.spend("a", 1e9, 0)
    it.check("a", 0)
    assert it.spent("a", 0) == 0


def test_what_a_generation_was_charged_follows_what_it_cost() -> None:
    budgets = Budgets(1.0)
    spending = BudgetCharge(budgets, "a")
    assert spending.charge_to_date(0.2, 0) == pytest.approx(0.8)
    assert spending.charge_to_date(None, 0) == pytest.approx(0.8)
    assert spending.charge_to_date(0.5, 0) == pytest.approx(0.5)
    # The provider's own figures are lower than our estimate.
    assert spending.charge_to_date(0.1, 0) == pytest.approx(0.9)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=40))
def test_whatever_the_estimates_were_the_last_cost_is_what_was_spent(costs: list[tuple[str, float]]) -> None:
    budgets = Budgets(1000.0)
    running = {name: BudgetCharge(budgets, "p") for name in "abc"}
    last: dict[str, float] = {}
    for name, cost in costs:
        running[name].charge_to_date(cost, 5.0)
        last[name] = cost
    assert budgets.spent("p", 5.0) == pytest.approx(sum(last.values()), abs=1e-9)


def test_what_interrupts_saved_is_what_longer_answers_had_on_the_average() -> None:
    it = Savings()
    it.record_interrupted("m", 10, PRICE)
    assert (it.interrupts, it.unknown, it.tokens) == (1, 1, 0)
    for tokens in (5, 100, 300):
        it.record_completed("m", tokens)
    it.record_interrupted("m", 50, PRICE)
    assert it.tokens == 150
    assert it.cost_usd == pytest.approx(150 * 8e-6)
    it.record_interrupted("m", 300, PRICE)
    it.record_interrupted("other", 1, PRICE)
    it.record_interrupted("m", 100, None)
    assert it.stats() == {
        "interrupts": 5,
        "unknown": 3,
        "tokens_estimated": 350,
        "cost_usd_estimated": 0.0012,
    }


def test_a_principals_own_budget_wins() -> None:
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
