"""The dependencies by version and hash: what `constraints/` says, and `make pin`, which writes it.

uv resolves for every platform and every Python at once (`--universal`), and gives the hashes of all files of a version;
what it would say of the registry that it asked is left out.
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
PAGE = ROOT / "docs" / "supply-chain.md"

HEADER = """\
# {what}, with what that needs in turn: each by version, with the hashes of all its files, so that it holds
# for every platform and every Python from {python} on. Written by `make pin`; docs/supply-chain.md tells more.
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package: `requirement` names exactly one version, and where it is needed."""

    requirement: Requirement
    hashes: tuple[str, ...]
    """As `sha256:` and 64 hexadecimal digits."""

    @property
    def name(self) -> str:
        """Its name as registries compare it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> Version:
        """The one version; ValueError where another than exactly one is meant."""
        (specifier,) = self.requirement.specifier
        if specifier.operator != "==":
            raise ValueError(f"{self.requirement} is not pinned")
        return Version(specifier.version)


def read(file: Path) -> list[Pin]:
    """List the pins of a file in pip's requirements format."""
    text = re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    pins = []
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, *hashes = line.split("--hash=")
        pins.append(Pin(Requirement(requirement), tuple(map(str.strip, hashes))))
    return pins


def project() -> tuple[list[Requirement], list[Requirement], str]:
    """Give what pyproject.toml asks for to run and to build, and the oldest Python that it admits."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    runtime = [Requirement(one) for one in asked["project"]["dependencies"]]
    build = [Requirement(one) for one in asked["build-system"]["requires"]]
    return runtime, build, asked["project"]["requires-python"].removeprefix(">=")


def pin(arguments: Sequence[str] = ()) -> None:
    """Write both files. What still fits stays as it is; `--upgrade` among the arguments takes the newest.

    Raises:
        subprocess.CalledProcessError: what is asked for can't be had together, or no registry answered.
    """
    runtime, build, python = project()
    _compile(RUNTIME, runtime, HEADER.format(what="What Dualstream runs on", python=python), python, arguments)
    _compile(BUILD, build, HEADER.format(what="What builds Dualstream", python=python), python, arguments)


def _compile(file: Path, asked: Sequence[Requirement], header: str, python: str, arguments: Sequence[str]) -> None:
    file.parent.mkdir(exist_ok=True)
    command = ["compile", "--quiet", "--universal", "--python-version", python, "--generate-hashes", "--no-annotate"]
    _uv(*command, "--no-header", *arguments, "--output-file", str(file), "-", given="\n".join(map(str, asked)))
    file.write_text(header + re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE), "utf-8")


def write_licences() -> None:
    """Write the table of licences into its page, from the very packages that are pinned."""
    with tempfile.TemporaryDirectory() as folder:
        _uv("install", "--quiet", "--require-hashes", "--no-deps", "--target", folder, "--requirement", str(RUNTIME))
        table = licences.table(licences.found([pin.name for pin in read(RUNTIME)], folder))
    PAGE.write_text(licences.with_table(PAGE.read_text("utf-8"), table), "utf-8")


def _uv(*arguments: str, given: str | None = None) -> None:
    command = [sys.executable, "-m", "uv", "pip", *arguments]
    subprocess.run(command, input=given, text=True, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    pin(sys.argv[1:])
    write_licences()
