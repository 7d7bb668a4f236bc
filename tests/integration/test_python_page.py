"""The programs of docs/reference/python.md, run as documented, at the address of the test's gateway."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Final

import dualstream
import pytest

from tests.integration.processes import CHECKOUT, Server, serving
from tests.integration.test_client_pages import DOCUMENTED_URL
from tests.integration.test_fastapi_example import require_fastapi

PAGE: Final = (CHECKOUT / "docs/reference/python.md").read_text("utf-8")
PROGRAMS: Final = re.findall(r"^## ([^\n]*)$|^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PATH: Final = os.pathsep.join([str(CHECKOUT / "gateway/client/top_level"), str(CHECKOUT)])

PRINTED: Final = {
    "First answer": [r"(?s)^You asked.*Usage\(input_tokens=\d+.*\) Metrics\(", r"^You asked: “Why is the sky blue\?”"],
    "Asynchronous": [r"(?s)Explain rain.*Explain snow"],
    "Events": [r"^complete, \d+ tokens$"],
    "Stop and feedback": [r"(?s)^interrupted You asked.*Shorter, please"],
    "Several turns": [r"(?s)sky blue.*at sunset.*on Mars"],
    "Tools": [r"^get_weather \{'city': '.*'\}\n.*It is sunny in"],
    "Resume": [r"^You asked: “Why is the sky blue\?”", r"^(?!You asked).{20}"],
    "Errors and retries": [r"^failed: server_error .* True$"],
    "Client": [r"Hello"],
    "Threads, Ctrl-C, notebooks": [r"(?s)You asked.* … interrupted$"],
}
"""What the programs of each section print."""


def programs(section: str) -> list[str]:
    """Return the programs below a heading."""
    found: list[str] = []
    current = ""
    for heading, program in PROGRAMS:
        current = heading or current
        if program and current == section:
            found.append(program)
    return found


def test_every_program_is_run() -> None:
    assert sum(1 for _, program in PROGRAMS if program) == sum(map(len, PRINTED.values())) + 1


@pytest.mark.parametrize("section", PRINTED)
def test_a_program_prints(section: str, plain_gateway: Server, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": PATH}
    for program, printed in zip(programs(section), PRINTED[section], strict=True):
        command = [sys.executable, "-W", "error", "-c", program.replace(DOCUMENTED_URL, plain_gateway.url)]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(printed, done.stdout), done.stdout


def test_the_fastapi_application(plain_gateway: Server, tmp_path: Path) -> None:
    require_fastapi()
    (program,) = programs("FastAPI")
    (tmp_path / "app.py").write_text(program.replace(DOCUMENTED_URL, plain_gateway.url), "utf-8")
    with dualstream.Client(plain_gateway.url) as client:
        answer = client.start("Hello", model="sim-instant")
        text = answer.read()
    command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(tmp_path), "--port", "0"]
    with serving(command, r"Uvicorn running on (http://\S+)", {"PYTHONPATH": PATH}) as server:
        request = urllib.request.Request(
            f"{server.url}/answers/{answer.id}", headers={"Last-Event-ID": f"{answer.id}:2"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            body = response.read().decode()
    pieces = re.findall(r'^data: "(.*)"$', body, re.MULTILINE)
    assert len("".join(pieces).encode().decode("unicode_escape")) == len(text)
    assert "event: end" in body


def test_every_name_is_documented() -> None:
    assert [name for name in dualstream.__all__ if f"`{name}`" not in PAGE] == []
