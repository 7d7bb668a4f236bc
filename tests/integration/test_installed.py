"""The wheel, as users install it: by uvx, and with the pinned packages, run as in the container.

The container's process has no privileges, is process 1, and has read-only file systems, no shell and no home.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen
from zipfile import ZipFile

import aiohttp
import pytest
from packaging.utils import canonicalize_name

from tests.integration.browser import read_json
from tests.integration.processes import CHECKOUT, Server, missing, program
from tests.supply import licences, pins
from tests.supply.audit import UNREACHABLE
from tests.supply.containerfile import exec_form, instructions, stages

CONTAINERFILE = CHECKOUT / "deploy" / "container" / "Containerfile"
TOP_LEVEL: Final = "gateway/client/top_level/"
"""Folder of the package `dualstream`, which the wheel has at its top."""

Confined = Callable[..., list[str]]


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that `make install-pinned` creates."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    # Without the options of the make that runs the tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        [program("make"), "install-pinned", f"VENV={folder}", f"PYTHON={sys.executable}"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    # With --quiet, pip reports an unreachable registry only as "No matching distribution found".
    if done.returncode and (UNREACHABLE.search(done.stderr) or "No matching distribution found" in done.stderr):
        missing("the packages can't be fetched: no registry answers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^dualstream 0\.", done.stdout, re.MULTILINE)
    return folder


@pytest.fixture(scope="module")
def wheel(venv: Path) -> Path:
    """The wheel of this project, as `make wheel` builds it."""
    (built,) = (venv / "wheel").glob("dualstream-*.whl")
    return built


@pytest.fixture(scope="module")
def confined(venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Confined:
    """A function that wraps a command so that it runs as in the container."""
    bwrap = program("bwrap")
    folder = tmp_path_factory.mktemp("empty")
    folder.chmod(0o555)
    shells = {str(Path(shell).resolve()) for shell in map(shutil.which, ("sh", "bash", "dash")) if shell}

    def wrap(*command: str, **environment: str) -> list[str]:
        variables = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": str(venv / "bin"), **environment}
        return [
            *(bwrap, "--die-with-parent", "--unshare-user", "--uid", "65532", "--gid", "65532", "--cap-drop", "ALL"),
            *("--unshare-pid", "--as-pid-1", "--unshare-ipc"),
            *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"),
            *(argument for shell in shells for argument in ("--ro-bind", "/dev/null", shell)),
            *("--remount-ro", "/dev", "--chdir", str(folder), "--clearenv"),
            *(argument for name, value in variables.items() for argument in ("--setenv", name, value)),
            *("--", str(venv / "bin" / command[0]), *command[1:]),
        ]

    probe = subprocess.run(wrap("python", "-c", ""), capture_output=True, text=True, check=False)
    if probe.returncode:
        missing(f"processes can't be confined here: {probe.stderr.strip()}")
    return wrap


@contextmanager
def serving(
    command: list[str], environment: Mapping[str, str] | None = None, folder: Path = CHECKOUT
) -> Iterator[Server]:
    server = Server(command, environment or {}, folder)
    try:
        server.url = server.wait_for(r"Dualstream listens on (http://\S+)").group(1)
        yield server
    finally:
        server.end()


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_every_package_is_pinned_and_its_licence_is_documented(venv: Path) -> None:
    (packages,) = venv.glob("lib/python3*/site-packages")
    subprocess.run([venv / "bin" / "python", "-m", "pip", "check"], check=True, stdout=subprocess.DEVNULL)
    documented = licences.from_page(pins.PAGE.read_text("utf-8"))
    assert licences.read_all(documented, str(packages)) == documented
    needed = [pin for pin in pins.read(pins.RUNTIME) if (marker := pin.requirement.marker) is None or marker.evaluate()]
    versions = {pin.name: str(pin.version) for pin in needed}
    shown = subprocess.run([venv / "bin" / "python", "-m", "pip", "freeze"], check=True, capture_output=True, text=True)
    frozen = dict(line.split("==") for line in shown.stdout.splitlines() if "==" in line)
    assert {canonicalize_name(name): version for name, version in frozen.items()} == versions


def test_the_wheel_holds_all_that_a_user_needs_and_nothing_else(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    pages = {f"gateway/static/{path.relative_to(CHECKOUT / 'static')}" for path in tracked("static")}
    code = {str(path.relative_to(CHECKOUT)) for path in tracked("gateway", "transports")}
    client = {name for name in code if name.startswith(TOP_LEVEL)}
    assert names >= pages | {"gateway/openapi.json", "gateway/py.typed", "dualstream/py.typed"}
    assert names >= code - client | {name.removeprefix(TOP_LEVEL) for name in client}
    assert {name.split("/")[0] for name in names} == {"dualstream", "gateway", "transports", wheel_info(wheel)}
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def tracked(*folders: str) -> list[Path]:
    """Return the files of these folders that git knows."""
    listed = subprocess.run([program("git"), "ls-files", *folders], cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)
    return [CHECKOUT / name for name in listed.stdout.decode().splitlines()]


def wheel_info(wheel: Path) -> str:
    return "-".join(wheel.name.split("-")[:2]) + ".dist-info"


def test_it_runs_outside_of_a_clone_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """By uvx, which takes the newest packages that pyproject.toml allows: what users do first."""
    of_tests = ("DUALSTREAM_", "PYTHON", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_tests)}
    dualstream = [
        program("uvx"),
        "--no-python-downloads",
        "--python",
        sys.executable,
        "--from",
        str(wheel),
        "dualstream",
    ]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*dualstream, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    version = run("--version")
    if version.returncode and UNREACHABLE.search(version.stderr):
        missing("the packages can't be fetched: no registry answers")
    assert version.stdout.startswith("dualstream 0."), version.stderr
    with serving([*dualstream, "serve", "--port", "0"], environment, tmp_path) as server:
        for path in ("/", "/static/dualstream.js", "/static/demo/main.js", "/health"):
            with urlopen(f"{server.url}{path}") as response:
                assert response.status == 200
        assert read_json(f"{server.url}/openapi.json")["info"]["title"] == "Dualstream"
        answer = run("chat", "--model", "sim-instant?length=40", "--url", server.url, "Hello")
        assert (answer.returncode, len(answer.stdout) > 40) == (0, True), answer.stderr


def test_confined_processes_have_no_privileges_and_no_writable_files(
    confined: Confined, venv: Path, tmp_path: Path
) -> None:
    script = (
        "import os, subprocess, sys\n"
        "print(os.getuid(), os.getpid(), os.environ.get('HOME'))\n"
        "for folder in sys.argv[1:]:\n"
        "    try: open(folder + '/x', 'w')\n"
        "    except OSError as error: print(error.strerror)\n"
        "try: subprocess.run('true', shell=True)\n"
        "except OSError as error: print(error.strerror)\n"
    )
    folders = [".", str(venv), str(tmp_path), "/dev/shm"]
    lines = subprocess.run(
        confined("python", "-c", script, *folders), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert lines == ["65532 1 None", *["Read-only file system"] * len(folders), "Permission denied"]


async def test_it_answers_reports_its_health_and_drains(confined: Confined, venv: Path) -> None:
    before = files(venv)
    body = {"messages": [{"role": "user", "content": "Hello"}], "model": "sim?speed=100&length=300&ttft=0"}
    with serving(confined("dualstream", "serve", DUALSTREAM_PORT="0")) as server:
        port = server.url.rpartition(":")[2]
        assert is_healthy(confined, port)
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{server.url}/api/chat/stream", json=body) as response,
        ):
            await response.content.readuntil(b'"type":"chunk"')
            os.kill(process_one(server), signal.SIGTERM)
            rest = await response.content.read()
        assert b"event: complete" in rest
        assert server._process.wait(30) == 0
    assert not is_healthy(confined, port)
    assert files(venv) == before


def process_one(server: Server) -> int:
    """Return the id, outside its namespace, of the confined process 1: bwrap does not forward signals to it.

    Process 1 of a namespace gets only signals for which it has a handler (pid_namespaces(7)).
    """
    pid = server.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def is_healthy(confined: Confined, port: str) -> bool:
    """Return True if the health check of the image succeeds."""
    last = dict(stages(instructions(CONTAINERFILE.read_text("utf-8")))[-1])
    command = exec_form(last["HEALTHCHECK"].partition("CMD ")[2])
    done = subprocess.run(confined(*command, DUALSTREAM_PORT=port), capture_output=True, check=False)
    return done.returncode == 0
