"""Ctrl-C ends a program that reads an answer: what it prints, and when the provider is stopped."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.integration.browser import read_json, wait_until
from tests.integration.processes import CHECKOUT, Server

PROGRAM = """
import sys
from dualstream import Client

url, transport, on_disconnect = sys.argv[1:]
with Client(url, transport=transport) as client:
    answer = client.start("Why?", model="sim?length=40000&speed=50&ttft=0", options={"on_disconnect": on_disconnect})
    print(answer.id, flush=True)
    for event in answer:
        print(event.type, flush=True)
"""


@pytest.mark.parametrize("transport", ["sse", "ws"])
@pytest.mark.parametrize("on_disconnect", ["cancel", "grace"])
def test_the_program_ends_and_the_disconnect_policy_decides(
    gateway: Server, count_closed_calls: Callable[[], int], transport: str, on_disconnect: str
) -> None:
    path = os.pathsep.join([str(CHECKOUT / "gateway/client/top_level"), str(CHECKOUT)])
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", PROGRAM, gateway.url, transport, on_disconnect],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        generation = process.stdout.readline().strip()
        while process.stdout.readline() != "chunk\n":
            pass
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(30) == -signal.SIGINT
        errors = process.stderr.read()
    # A traceback, and no warning of anything that was left open.
    assert errors.endswith("KeyboardInterrupt\n")
    assert not re.search("Warning|never awaited|was never retrieved", errors)
    address = f"{gateway.url}/api/generations/{generation}"
    if on_disconnect == "cancel":
        wait_until(lambda: count_closed_calls() == 1, lambda: read_json(address))
        assert read_json(address)["state"] == "interrupted"
    else:
        assert read_json(address)["state"] == "streaming"
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"import dualstream as d; d.Client('{gateway.url}').attach('{generation}').interrupt()",
            ],
            env={**os.environ, "PYTHONPATH": path},
            check=True,
        )
        wait_until(lambda: count_closed_calls() == 1, lambda: read_json(address))
