"""The commands of the quickstart and the guides, run as documented, each page in a folder of its own."""

import os
import re
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome

from tests.integration.browser import click, read_json, wait_until
from tests.integration.processes import CHECKOUT, Server, program
from tests.integration.starts import free_port

PORTS: Final = ("8080", "8081", "8082", "9091", "9092", "6390")
PROGRAMS: Final = {"guides/three-replicas.md": "redis-server"}

EXPECTED: Final = {
    "quickstart.md": (
        "event: accepted",
        '"type":"complete"',
        ":6",
        '"state":"stopping"',
        '"state":"interrupted"',
        "You asked: “Why is the sky blue?”",
    ),
    "vi/quickstart.md": (
        "event: accepted",
        '"type":"complete"',
        ":6",
        '"state":"stopping"',
        '"state":"interrupted"',
        "Vì sao bầu trời màu xanh?",
    ),
    "guides/your-providers.md": (
        "dualstream.toml: valid",
        "second: sim: ",
        '"code":"truncated","provider":"first"',
        '"provider":"second","upstream_model":"sim","attempt":2,"revision":1',
        '"type":"complete"',
        '"circuit":"closed"',
    ),
    "guides/team-keys.md": (
        "operate",
        '"code":"auth_error"',
        '"any_model"',
        '"code":"generation_lost"',
        '"state":"stopping"',
        "Revoked.",
    ),
    "guides/three-replicas.md": (
        '"ready"',
        "event: accepted",
        '"type":"chunk"',
        '"code":"generation_lost"',
        "event: complete",
    ),
}
"""What each page's commands print, among other things, in this order."""


def script(page: str, folder: Path) -> str:
    """Return the commands of a page with free ports, and write the file that it shows first."""
    text = (CHECKOUT / "docs" / page).read_text("utf-8")
    for port in PORTS:
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    blocks = re.findall(r"```(sh|toml)\n(.*?)```", text, re.DOTALL)
    files = [block for language, block in blocks if language == "toml"]
    if files:
        (folder / "dualstream.toml").write_text(files[0], "utf-8")
    serve = re.search(r"127\.0\.0\.1:(\d+)/ready", text)
    commands = "".join(block for language, block in blocks if language == "sh")
    if serve is not None:
        commands = re.sub(r"dualstream serve(?! --port)", f"dualstream serve --port {serve[1]}", commands)
        commands = commands.replace("dualstream chat", f"dualstream chat --url http://127.0.0.1:{serve[1]}")
    return f"set -e\n{commands}"


def run(page: str, folder: Path) -> str:
    """Run the commands of a page in a shell of its own, end what they started, and return what they printed."""
    command = folder / "bin" / "dualstream"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n', "utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")},
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
    }
    output = folder / "output.txt"
    with output.open("w") as file:
        shell = subprocess.Popen(
            [program("bash"), "-c", script(page, folder)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(60)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    printed = output.read_text("utf-8")
    assert code == 0, printed
    return printed


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run all pages at the same time: their commands mostly wait."""
    for name in ("curl", *PROGRAMS.values()):
        program(name)
    with ThreadPoolExecutor() as pool:
        runs = {page: pool.submit(run, page, tmp_path_factory.mktemp("guide")) for page in EXPECTED}
    return {page: done.result() for page, done in runs.items()}


@pytest.mark.parametrize("page", EXPECTED)
def test_the_commands_print_what_the_page_says(printed: dict[str, str], page: str) -> None:
    position = 0
    for text in EXPECTED[page]:
        position = printed[page].find(text, position)
        assert position >= 0, f"{text!r} is missing in:\n{printed[page]}"


def test_the_page_of_the_vietnamese_quickstart_stops(driver: Chrome, plain_gateway: Server) -> None:
    (script,) = re.findall(r"```js\n(.*?)```", (CHECKOUT / "docs/vi/quickstart.md").read_text("utf-8"), re.DOTALL)
    driver.get(f"{plain_gateway.url}/health")
    driver.execute_script(script)
    read_text = "return document.querySelector('p').textContent"
    wait_until(lambda: len(driver.execute_script(read_text)) > 60, lambda: driver.page_source)
    click(driver.find_element("xpath", "//button[text()='Dừng']"))
    stats = f"{plain_gateway.url}/api/stats"
    wait_until(lambda: read_json(stats)["running"] == 0, lambda: read_json(stats))
    assert len(driver.execute_script(read_text)) < 600
