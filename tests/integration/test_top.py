"""`dualstream top` on a real gateway: live in a terminal, and as text and JSON in a pipe."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.integration import processes
from tests.integration.processes import Server
from tests.integration.test_processes import ENDLESS, ENDLESS_MODEL

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios

SECONDS = 20.0


@pytest.fixture(scope="module")
def gateway() -> Iterator[Server]:
    with processes.gateway() as server:
        command = ["curl", "-sN", f"{server.url}/api/chat/stream", "-H", "Content-Type: application/json", "-d"]
        with subprocess.Popen([*command, json.dumps(ENDLESS)], stdout=subprocess.DEVNULL) as viewer:
            yield server
            viewer.kill()


def top(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "top", *arguments],
        env={**os.environ, **environment},
        cwd=processes.CHECKOUT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_in_a_pipe_it_prints_once(gateway: Server) -> None:
    deadline = time.monotonic() + SECONDS
    while "streaming" not in (shown := top("--url", gateway.url)).stdout and time.monotonic() < deadline:
        pass
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "running 1 of" in shown.stdout
    assert "1 sse" in shown.stdout
    data = json.loads(top("--url", gateway.url, "--once", "--json").stdout)
    (row,) = data["running"]
    assert (row["model"], row["state"], row["viewers"]) == (ENDLESS_MODEL, "streaming", {"sse": 1})
    assert row["tokens_per_s"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_in_a_terminal_it_is_live_until_q(gateway: Server) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(processes.CHECKOUT)
        os.execvp(sys.executable, [sys.executable, "-m", "gateway", "top", "--url", gateway.url])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    output, deadline = b"", time.monotonic() + SECONDS
    try:
        # Two pictures of what runs, one after the other.
        while output.count(b"streaming") < 2 and time.monotonic() < deadline:
            output += _read(terminal)
        assert output.count(b"streaming") >= 2, output
        os.write(terminal, b"q")
        while part := _read(terminal):
            output += part
    finally:
        os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    # The alternate screen is left, and the cursor is there again (xterm, "?1049l" and "?25h").
    assert b"\x1b[?1049l" in output
    assert output.rfind(b"\x1b[?25h") > output.find(b"\x1b[?25l")


def _read(terminal: int) -> bytes:
    """Return what the terminal shows next; b"" at its end, and after a second without anything."""
    if not select.select([terminal], [], [], 2.0)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux reports the end of the other side as EIO.
        return b""
