"""The suites of one gateway over a real Redis, in a process of their own: those that tell most about what clients see.

`make suites` runs all of them, over a store in memory and over a Redis.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITES = (
    "tests/transports/test_contract.py",
    "tests/transports/test_sse.py",
    "tests/transports/test_websocket_commands.py",
    "tests/transports/test_websocket_connection.py",
    *("-k", "not another"),
)
"""On our server alone, which is all that the store knows of; a pair of gateways has a store in memory in these."""

FAULTS = ("tests/integration/test_faults.py", "-k", "refusal_over or queued_client")
"""Those that depend on limits, which the gateways share."""

SECONDS = 300
"""Time after which the machine, and not a test, is taken for the reason."""


@pytest.mark.parametrize("selected", [SUITES, FAULTS], ids=["suites", "faults"])
def test_the_suites_of_one_gateway_pass_over_a_redis(redis_url: str, selected: Sequence[str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selected]
    environment = {**os.environ, "DUALSTREAM_TEST_STORE": redis_url}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
