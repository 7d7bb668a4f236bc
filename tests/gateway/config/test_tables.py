"""The tables of the file."""

from pathlib import Path

from gateway.billing.prices import LongPrompt, Price
from gateway.config.tables import PriceTable
from tests.gateway.config.loading import load_text


def test_the_short_form_equals_the_long_form(tmp_path: Path) -> None:
    rest = 'upstream_model = "b"\nprice = { input = 1, output = 2 }\nmax_concurrent = 3\n'
    short = load_text(tmp_path, f'[models.a]\nprovider = "vllm"\n{rest}')
    long = load_text(tmp_path, f'[[models.a.upstreams]]\nprovider = "vllm"\n{rest}')
    assert short.models["a"].all_upstreams == long.models["a"].all_upstreams


def test_a_price_may_have_another_one_for_long_prompts() -> None:
    long = {"above": 200_000, "input": 2.5, "output": 15, "cache_write": 3}
    table = PriceTable.model_validate({"input": 1.25, "cached": 0.125, "output": 10, "cache_write_1h": 2, "long": long})
    assert table.to_price() == Price(1.25, 0.125, 10, None, 2, LongPrompt(200_000, Price(2.5, 2.5, 15, 3)))
    assert PriceTable(input=1, output=2).to_price() == Price(1, 1, 2)
