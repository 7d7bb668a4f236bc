"""A gateway loads what it uses: features that are not configured cost no memory, and no time at the start."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import pytest

COMMON: Final = (
    *("gateway.cli.chat", "gateway.client", "gateway.store.redis.store", "gateway.telemetry.traces"),
    *(
        "gateway.replicas.replica",
        "gateway.replicas.logs",
        "gateway.replicas.limits",
        "gateway.server.workers.supervise",
    ),
    *("gateway.security.jwt_tokens", "gateway.config.docs_tables", "gateway.api.openapi.document"),
    *("cryptography", "jwt", "opentelemetry", "prometheus_client", "prompt_toolkit", "redis", "rich", "selenium"),
)
SIMULATOR: Final = ("gateway.simulator", "aiohttp.web_server")


@pytest.mark.parametrize(
    ("settings", "unused"),
    [("upstream='http://127.0.0.1:9/v1'", (*COMMON, *SIMULATOR)), ("", COMMON)],
    ids=["provider", "simulator"],
)
def test_a_start_loads_no_feature_that_is_not_configured(settings: str, unused: Sequence[str]) -> None:
    script = (
        "import sys\n"
        "import gateway.cli.serve, gateway.server.uvicorn_server\n"
        "from gateway.app.factory import create_app\n"
        "from gateway.config import Settings\n"
        f"create_app(Settings({settings}))\n"
        "print(*sys.modules)\n"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "gateway.app.factory" in loaded
    assert not {module for module in loaded if f"{module}.".startswith(tuple(f"{name}." for name in unused))}
