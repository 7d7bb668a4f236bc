"""Pinned dependencies, by version and hash: read the files in `constraints/`, or write them (`make pin`).

uv resolves for all platforms and Python versions at once (`--universal`), and lists the hashes of all files of a
version. Its comments, which can name the registry, are removed.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.supply import licences

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "constraints" / "runtime.txt"
BUILD = ROOT / "constraints" / "build.txt"
PAGE = ROOT / "docs" / "operations" / "supply-chain.md"

HEADER = """\
# {what}, with all dependencies: each by version, with the hashes of all its files, for every platform and
# every Python from {python} on. Written by `make pin`; see docs/operations/supply-chain.md.
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """One pinned package. `requirement` names exactly one version, and the platforms that need it."""

    requirement: Requirement
    hashes: tuple[str, ...]
    """`sha256:` and 64 hexadecimal digits each."""

    @property
    def name(self) -> str:
        """Return the normalized name, as registries compare it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> Version:
        """Return the version.

        Raises:
            ValueError: The requirement does not name exactly one version.
        """
        (specifier,) = self.requirement.specifier
        if specifier.operator != "==":
            raise ValueError(f"{self.requirement} is not pinned")
        return Version(specifier.version)


def read(file: Path) -> list[Pin]:
    """Read the pins of a file in pip's requirements format."""
    text = re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    pins = []
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, *hashes = line.split("--hash=")
        pins.append(Pin(Requirement(requirement), tuple(map(str.strip, hashes))))
    return pins


def project() -> tuple[list[Requirement], list[Requirement], str]:
    """Return the runtime and build requirements of pyproject.toml, and the oldest supported Python."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    runtime = [Requirement(text) for text in pyproject["project"]["dependencies"]]
    build = [Requirement(text) for text in pyproject["build-system"]["requires"]]
    return runtime, build, pyproject["project"]["requires-python"].removeprefix(">=")


def pin(arguments: Sequence[str] = ()) -> None:
    """Write both files. Pins that still satisfy the requirements stay; the argument `--upgrade` takes the newest.

    Raises:
        subprocess.CalledProcessError: The requirements conflict, or the registry is not available.
    """
    runtime, build, python = project()
    _compile(RUNTIME, runtime, HEADER.format(what="Runtime packages of Dualstream", python=python), python, arguments)
    _compile(BUILD, build, HEADER.format(what="Packages that build Dualstream", python=python), python, arguments)


def _compile(
    file: Path, requirements: Sequence[Requirement], header: str, python: str, arguments: Sequence[str]
) -> None:
    file.parent.mkdir(exist_ok=True)
    command = ["compile", "--quiet", "--universal", "--python-version", python, "--generate-hashes", "--no-annotate"]
    _uv(*command, "--no-header", *arguments, "--output-file", str(file), "-", stdin="\n".join(map(str, requirements)))
    file.write_text(header + re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE), "utf-8")


def write_licences() -> None:
    """Write the table of licences into its page, from the metadata of the pinned packages."""
    with tempfile.TemporaryDirectory() as folder:
        _uv("install", "--quiet", "--require-hashes", "--no-deps", "--target", folder, "--requirement", str(RUNTIME))
        table = licences.table(licences.read_all([pin.name for pin in read(RUNTIME)], folder))
    PAGE.write_text(licences.with_table(PAGE.read_text("utf-8"), table), "utf-8")


def _uv(*arguments: str, stdin: str | None = None) -> None:
    command = [sys.executable, "-m", "uv", "pip", *arguments]
    subprocess.run(command, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    pin(sys.argv[1:])
    write_licences()
