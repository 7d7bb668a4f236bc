"""Sets of npm packages at exact versions, for tests: `npm_set("bundling")` installs what `bundling.json` pins.

A set is installed at its first use, outside of the checkout, and kept under the hash of its pins. To add a set, write
`NAME.json` in this folder, with exact versions of as few packages as the tests need; several sets may name the same
one. `python -m tests.integration.npm` installs all sets (`make clients-install` does that too).
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.integration import installed
from tests.integration.processes import program

FOLDER: Final = Path(__file__).parent
NPM_OPTIONS: Final = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
WITH_SCRIPTS: Final = frozenset({"node"})
"""Sets whose packages run a script of their own to install, such as one that fetches a binary."""


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
        """Link its packages for the modules in a folder: Node looks for `node_modules` beside a module."""
        (folder / "node_modules").symlink_to(self.node_modules)


def npm_set(name: str) -> NpmSet:
    """Return a set, after its installation; skip the test if that fails, or fail it with `CI=true`."""
    for package, version in pins(name).items():
        assert re.fullmatch(r"(npm:[@\w/.-]+@)?\d+\.\d+\.\d+[\w.-]*", version), f"{package} {version}: no exact version"

    def install(folder: Path) -> None:
        shutil.copy(_pins_file(name), folder / "package.json")
        options = [*NPM_OPTIONS, *([] if name in WITH_SCRIPTS else ["--ignore-scripts"])]
        installed.run([program("npm"), "install", *options], folder)

    return NpmSet(name, installed.install_once("npm", _pins_file(name), install))


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


def _pins_file(name: str) -> Path:
    return FOLDER / f"{name}.json"
