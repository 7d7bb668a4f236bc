"""Settings: variables, numbers and secrets."""

import pytest
from pydantic import SecretStr

from gateway.config import ConfigurationError, Settings, load, variable_name
from gateway.config.settings import PLAIN_SETTINGS


def test_every_setting_has_a_variable() -> None:
    values: dict[object, str] = {int: "7", float: "7.5", str: "x", bool: "true", tuple[str, ...]: "a, b"}
    values[str | None] = "x"
    values[int | None] = "7"
    special = {
        "upstream": "http://127.0.0.1:9/v1",
        "upstream_api": "anthropic",
        "upstream_api_key": "k",
        "upstream_token_limit": "max_tokens",
        "upstream_stream_options": "false",
        "upstream_proxy": "environment",
        "default_model": "sim-instant",
        "on_disconnect": "cancel",
        "model_api_on_disconnect": "grace",
        "model_api_on_resend": "cancel",
        "responses_websocket": "false",
        "allowed_origins": "https://a.example, http://b.example:81",
        "trusted_proxies": "10.0.0.0/8, ::1",
        "max_body_bytes": "5000",
        "max_event_bytes": "5000",
        "max_prompt_bytes": "50000000",
        "max_prompt_bytes_per_client": "50000000",
        "keys_file": "keys.toml",
        "store": "redis://127.0.0.1:6379/0",
        "store_password": "k",
        "metrics_key": "0123456789abcdef",
        "store_delay": "0.5",
        "store_down": "local",
        "on_owner_lost": "continue",
        "otlp_endpoint": "http://127.0.0.1:4318",
        "log_format": "json",
        "log_level": "error",
        "keys": f"alice:abcd1234:{'0' * 64},bob:abcd1235:{'1' * 64}",
    }
    required = {"workers": {"DUALSTREAM_STORE": "redis://127.0.0.1:6379"}}
    for name in PLAIN_SETTINGS:
        field = Settings.model_fields[name]
        text = special.get(name) or values[field.annotation]
        settings = load({}, {**required.get(name, {}), variable_name(name): text})
        assert getattr(settings, name) != field.default, name


def test_numbers_must_be_finite() -> None:
    with pytest.raises(ConfigurationError, match="finite"):
        load({}, {"DUALSTREAM_GRACE": "inf"})


def test_the_upstream_key_is_not_shown() -> None:
    settings = Settings(upstream_api_key=SecretStr("sk-secret"))
    assert "sk-secret" not in repr(settings)
    assert "sk-secret" not in settings.model_dump_json()
