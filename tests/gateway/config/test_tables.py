"""The tables of the file."""

from pathlib import Path

from tests.gateway.config.loading import load_text


def test_the_short_form_equals_the_long_form(tmp_path: Path) -> None:
    rest = 'upstream_model = "b"\nprice = { input = 1, output = 2 }\nmax_concurrent = 3\n'
    short = load_text(tmp_path, f'[models.a]\nprovider = "vllm"\n{rest}')
    long = load_text(tmp_path, f'[[models.a.upstreams]]\nprovider = "vllm"\n{rest}')
    assert short.models["a"].all_upstreams == long.models["a"].all_upstreams
