"""Providers that are known by their hosts."""

from pathlib import Path

import pytest

from gateway.config.hosts import known_quirks
from gateway.config.presets import PRESETS
from gateway.config.providers import resolve_provider, single_provider
from gateway.upstreams.formats.base import Quirks
from tests.gateway.config.loading import load_text


@pytest.mark.parametrize("host", ["api.mistral.ai", "API.Mistral.ai:443", "api.mistral.ai."])
def test_a_host_is_known_in_any_form(host: str) -> None:
    quirks = known_quirks(f"https://{host}/v1")
    assert quirks is not None
    assert (quirks.stream_options, quirks.token_limit) == (False, "max_tokens")


def test_hosts_below_a_name() -> None:
    assert known_quirks("https://mine.openai.azure.com/openai/v1?x=1") == Quirks(
        key_header="api-key", tool_ids="40_characters", reasoning="none", tool_signatures="none"
    )
    assert known_quirks("https://openai.azure.com.evil.example/") is None


@pytest.mark.parametrize("url", [None, "https://myopenai.azure.com/", "https://mistral.ai/", "http://127.0.0.1:1/v1"])
def test_other_hosts(url: str | None) -> None:
    assert known_quirks(url) is None


def test_a_known_host_needs_no_preset_and_comes_before_that_of_another_address(tmp_path: Path) -> None:
    file = (
        '[providers.a]\nbase_url = "https://api.openai.com/v1"\n'
        '[providers.b]\npreset = "openai"\nbase_url = "https://api.mistral.ai/v1"\n'
        '[providers.c]\npreset = "vllm"\nbase_url = "http://gpu:8000/v1"\n'
        '[models.m]\nupstreams = [{ provider = "a" }, { provider = "b" }, { provider = "c" }]\n'
    )
    settings = load_text(tmp_path, file)
    a, b, c = (resolve_provider(settings, name).quirks for name in "abc")
    assert a.token_limit == "max_completion_tokens"
    assert not b.stream_options
    assert c == PRESETS["vllm"].quirks


def test_settings_come_before_what_is_known(tmp_path: Path) -> None:
    file = (
        '[providers.a]\nbase_url = "https://api.mistral.ai/v1"\nstream_options = true\n'
        'token_limit = "max_completion_tokens"\n[models.m]\nprovider = "a"\n'
    )
    quirks = resolve_provider(load_text(tmp_path, file), "a").quirks
    assert (quirks.stream_options, quirks.token_limit, quirks.tool_ids) == (
        True,
        "max_completion_tokens",
        "9_alphanumerics",
    )


def test_a_single_upstream(tmp_path: Path) -> None:
    known = single_provider(load_text(tmp_path, 'upstream = "https://api.mistral.ai/v1"\n')).quirks
    assert not known.stream_options
    file = 'upstream = "http://127.0.0.1:1/v1"\nupstream_stream_options = false\nupstream_token_limit = "max_tokens"\n'
    quirks = single_provider(load_text(tmp_path, file)).quirks
    assert (quirks.stream_options, quirks.token_limit) == (False, "max_tokens")
