"""`import dualstream` from a wheel, from an sdist and from an editable installation, without the server's packages."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.processes import CHECKOUT, Server, gateway, missing
from tests.supply.audit import UNREACHABLE

TYPES = Path(__file__).parent / "python_types"
Install = Callable[..., Path]
NEEDS = ("aiohttp", "orjson")
"""What the client needs, with their own dependencies."""

TRY_BOTH_TRANSPORTS = """
import asyncio, sys
from dualstream import AsyncClient, Chunk, Client, Complete

url = sys.argv[1]
with Client(url, transport="sse") as client:
    answer = client.start("Why?", model="sim?length=40&speed=2000")
    text = "".join(event.content for event in answer if isinstance(event, Chunk))
    assert isinstance(answer.terminal, Complete) and text == answer.text

async def main() -> None:
    async with AsyncClient(url, transport="ws") as client:
        assert await client.attach(answer.id).read() == text

asyncio.run(main())
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"pydantic", "starlette", "uvicorn", "transports"}), sys.modules["dualstream"].__file__)
"""


def run(*command: object, folder: Path = CHECKOUT) -> str:
    """Run a program without the path of this checkout; return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode and (UNREACHABLE.search(done.stderr) or "No matching distribution found" in done.stderr):
        missing("the packages can't be fetched: no registry answers")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: object) -> str:
    return run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what the client needs. Returns its interpreter."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    pip("--python", python, "install", *NEEDS)
    return python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", folder, CHECKOUT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def install(environment: Path) -> Install:
    """Install this distribution alone, in place of an earlier one."""

    def install(*what: object) -> Path:
        pip("--python", environment, "install", "--no-deps", "--force-reinstall", *what)
        return environment

    return install


@pytest.fixture(scope="module")
def simulated() -> Iterator[Server]:
    with gateway() as server:
        yield server


def files(wheel: Path) -> list[str]:
    return sorted(name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name)


def test_the_wheel_has_the_package_at_its_top_level(wheel: Path) -> None:
    found = files(wheel)
    assert {name for name in found if name.startswith("dualstream/")} == {
        "dualstream/__init__.py",
        "dualstream/py.typed",
    }
    assert {name.partition("/")[0] for name in found} == {"dualstream", "gateway", "transports"}
    assert not [name for name in found if "top_level" in name]


def test_it_runs_with_its_few_needs(wheel: Path, install: Install, simulated: Server, tmp_path: Path) -> None:
    python = install(wheel)
    loaded, file = run(python, "-c", TRY_BOTH_TRANSPORTS, simulated.url, folder=tmp_path).split("] ")
    assert (loaded, "site-packages/dualstream/__init__.py" in file) == ("[", True)


def test_an_editable_installation_is_the_checkout(install: Install, simulated: Server, tmp_path: Path) -> None:
    python = install("--editable", CHECKOUT)
    loaded, file = run(python, "-c", TRY_BOTH_TRANSPORTS, simulated.url, folder=tmp_path).split("] ")
    assert (loaded, file.strip()) == ("[", str(CHECKOUT / "gateway/client/top_level/dualstream/__init__.py"))


def test_a_wheel_of_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    # The backend of pyproject.toml, in an environment that pip makes.
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    pip("--python", python, "install", "hatchling")
    run(python, "-c", f"import hatchling.build as b; print(b.build_sdist({str(tmp_path)!r}))")
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    pip("wheel", "--no-deps", "--wheel-dir", tmp_path / "built", source)
    (again,) = (tmp_path / "built").glob("*.whl")
    assert files(again) == files(wheel)


def check_types(python: Path, program: Path, folder: Path) -> list[tuple[int, str]]:
    """Return the lines that mypy reports in a program, each with its error code."""
    copy = folder / program.name
    copy.write_text(program.read_text("utf-8"), "utf-8")
    options = ["--strict", "--config-file=", "--cache-dir", str(folder), "--python-executable", str(python)]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, copy.name],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named mypy" in done.stderr:
        missing("mypy is not installed")
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    reports = re.findall(rf"^{copy.name}:(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    assert len(reports) == done.stdout.count("error:"), done.stdout
    return [(int(line), code) for line, code in reports]


def test_type_checkers_know_every_type(wheel: Path, install: Install, tmp_path: Path) -> None:
    python = install(wheel)
    assert check_types(python, TYPES / "right.py", tmp_path) == []
    lines = (TYPES / "wrong.py").read_text("utf-8").splitlines()
    expected = [(number, line.rpartition("  # ")[2]) for number, line in enumerate(lines, 1) if "  # " in line]
    assert sorted(set(check_types(python, TYPES / "wrong.py", tmp_path))) == expected
