"""Settings with two models that share a provider."""

from pydantic import SecretStr

from gateway.config import Settings

TABLES: dict[str, object] = {
    "providers": {"eu": {"preset": "openai", "base_url": "https://eu.example/v1", "key": SecretStr("k")}},
    "models": {
        "chat": {
            "routing": "weighted",
            "hedge": 2,
            "failover": True,
            "max_output_tokens": 99,
            "first_token_timeout": 20,
            "max_attempts": 2,
            "upstreams": [
                {"provider": "eu", "upstream_model": "gpt-4.1", "weight": 3, "max_concurrent": 5, "stall_timeout": 7},
                {"provider": "vllm", "price": {"input": 1, "output": 2}, "first_token_timeout": 5},
            ],
        },
        "fast": {"provider": "eu", "upstream_model": "small"},
    },
    "aliases": {"gpt-4": "chat"},
    "default_model": "gpt-4",
    "stall_timeout": 60,
}


def settings(**changes: object) -> Settings:
    """Return settings with two models of two providers, and the changes."""
    return Settings.model_validate({**TABLES, **changes})
