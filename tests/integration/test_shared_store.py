"""The suites of one gateway over a real Redis, in a process of their own: those that tell most about what clients see.

`make suites` runs all of them, over a store in memory and over a Redis.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = (
    "tests/transports/test_contract.py",
    "tests/transports/test_sse.py",
    "tests/transports/test_websocket_commands.py",
    "tests/transports/test_websocket_connection.py",
)
SECONDS = 300
"""Time after which the machine, and not a test, is taken for the reason."""


def test_the_suites_of_one_gateway_pass_over_a_redis(redis_url: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES]
    environment = {**os.environ, "DUALSTREAM_TEST_STORE": redis_url}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
