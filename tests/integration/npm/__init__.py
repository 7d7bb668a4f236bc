"""Sets of npm packages at exact versions, for tests: `npm_set("bundling")` installs what `bundling.json` pins.

A set is installed at its first use, outside of the checkout, and kept under the hash of its pins. To add a set, write
`NAME.json` in this folder, with exact versions of as few packages as the tests need; several sets may name the same
one. `python -m tests.integration.npm` installs all sets (`make clients-install` does that too).
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

from tests.integration.processes import missing, program

FOLDER: Final = Path(__file__).parent
VARIABLE: Final = "DUALSTREAM_CLIENTS"
"""Environment variable with the folder of all installations, in place of the one in the user's cache."""
NPM_OPTIONS: Final = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
WITH_SCRIPTS: Final = frozenset({"node"})
"""Sets whose packages run a script of their own to install, such as one that fetches a binary."""
INSTALL_SECONDS: Final = 300


class NpmSet:
    """The packages of one set: `folder` has a `package.json` and `node_modules`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    @property
    def node_modules(self) -> Path:
        """Return the folder of its packages."""
        return self.folder / "node_modules"

    def file(self, path: str) -> Path:
        """Return a file of a package, such as `axe-core/axe.min.js`."""
        found = self.node_modules / path
        assert found.exists(), f"the set {self.name} has no {path}"
        return found

    def binary(self, name: str) -> str:
        """Return the path of a command that its packages install, such as `esbuild`."""
        return str(self.file(f".bin/{name}"))

    def link_into(self, folder: Path) -> None:
        """Make its packages available to the modules in a folder: Node looks for `node_modules` beside a module."""
        (folder / "node_modules").symlink_to(self.node_modules)


def npm_set(name: str) -> NpmSet:
    """Return a set, after its installation; skip the test if that fails, or fail it with `CI=true`."""
    found = NpmSet(name, cache() / f"npm-{name}-{_digest(name)}")
    stamp = found.folder / "installed"
    if not stamp.exists():
        with _only_one_process(found.folder):
            if not stamp.exists():
                _install(found)
                stamp.touch()
    return found


def node22() -> str:
    """Return the path of Node 22, for packages that need more than Debian's Node 20."""
    return npm_set("node").binary("node")


def pins(name: str) -> Mapping[str, str]:
    """Return the versions of the packages of a set."""
    versions: dict[str, str] = json.loads(_pins_file(name).read_text("utf-8"))["dependencies"]
    return versions


def names() -> list[str]:
    """Return the names of all sets."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def cache() -> Path:
    """Return the folder of all installations."""
    root = os.environ.get(VARIABLE)
    return Path(root) if root else Path.home() / ".cache" / "dualstream-clients"


def _pins_file(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _digest(name: str) -> str:
    """Return a hash of the pins, which have to be exact."""
    for package, version in pins(name).items():
        assert re.fullmatch(r"(npm:[@\w/.-]+@)?\d+\.\d+\.\d+[\w.-]*", version), f"{package} {version}: no exact version"
    return hashlib.sha256(_pins_file(name).read_bytes()).hexdigest()[:12]


def _install(found: NpmSet) -> None:
    """Install a set, in place of what an interrupted installation has left."""
    command = [program("npm"), "install", *NPM_OPTIONS, *([] if found.name in WITH_SCRIPTS else ["--ignore-scripts"])]
    shutil.rmtree(found.folder, ignore_errors=True)
    found.folder.mkdir()
    shutil.copy(_pins_file(found.name), found.folder / "package.json")
    try:
        done = subprocess.run(
            command, cwd=found.folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        _not_installed(found, f"no end after {INSTALL_SECONDS} s")
    if done.returncode != 0:
        _not_installed(found, done.stderr.strip())


def _not_installed(found: NpmSet, reason: str) -> NoReturn:
    missing(f"npm install failed for the set {found.name}: {reason}")


@contextmanager
def _only_one_process(folder: Path) -> Iterator[None]:
    """Hold a lock of a folder, which other processes wait for: tests run in several."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
