"""Install the pinned clients outside of the checkout: `python -m tests.integration.clients.installation`.

An installation takes about a minute and 1.5 GB. It is kept between runs, in a folder named after the pins.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.integration import installed, npm, pypi
from tests.integration.clients.table import Driver
from tests.integration.processes import missing

FOLDER: Final = Path(__file__).parent
INSTALL: Final = "make clients-install"


class Installation:
    """The clients of one set of pins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        self._stamp = folder / "installed"

    @property
    def is_complete(self) -> bool:
        """Return True if everything is installed."""
        return self._stamp.exists()

    def install(self) -> None:
        """Install everything, in place of what an interrupted installation has left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copy(FOLDER / "package.json", self.folder)
        command = shutil.which("npm")
        if command is None:
            sys.exit("npm is not installed")
        subprocess.run([command, "install", *npm.NPM_OPTIONS], cwd=self.folder, check=True)
        subprocess.run([sys.executable, "-m", "venv", str(self.folder / "venv")], check=True)
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(FOLDER / "requirements.txt")], check=True)
        self._stamp.touch()


def installation() -> Installation:
    """Return the installation of the current pins, complete or not."""
    pins = [(FOLDER / name).read_bytes() for name in ("package.json", "requirements.txt")]
    digest = hashlib.sha256(b"\0".join([*pins, sys.version.encode()])).hexdigest()
    return Installation(installed.cache() / digest[:12])


def required_installation() -> Installation:
    """Return the installation; without it, skip the test, or fail it with `CI=true`."""
    found = installation()
    return found if found.is_complete else missing(f"the clients are not installed: `{INSTALL}` does (1.5 GB)")


def pinned_versions() -> dict[str, str]:
    """Return the version of each pinned package, of npm and of PyPI (`pypi:openai`), and of Node."""
    versions = {**npm.pins("node")}
    versions |= dict(json.loads((FOLDER / "package.json").read_text("utf-8"))["dependencies"])
    requirements = (FOLDER / "requirements.txt").read_text("utf-8")
    for name, version in re.findall(r"^([\w-]+)(?:\[[\w,]+\])?==(\S+)$", requirements, re.MULTILINE):
        versions[f"pypi:{name}"] = version
    return versions


def version(driver: Driver) -> str:
    """Return the version of a driver's package; "" for a program of the system."""
    if driver.is_for_browser and not driver.packages:
        return ""
    name = driver.package.removeprefix("pypi:")
    if not driver.packages:
        return pinned_versions()[driver.package]
    pins = pypi.pins(driver.packages) if driver.package.startswith("pypi:") else npm.pins(driver.packages)
    # `npm:ai@6.0.326` is a version of a package under another name.
    return pins[name].rpartition("@")[2]


def main() -> None:
    """Install the clients and the sets of packages, unless they are."""
    for name in npm.names():
        npm.npm_set(name)
    for name in pypi.names():
        pypi.pypi_set(name)
    found = installation()
    if not found.is_complete:
        print(f"Installing the clients, about 1.5 GB, into {found.folder}", flush=True)
        found.install()


if __name__ == "__main__":
    main()
