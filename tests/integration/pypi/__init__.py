"""Sets of packages of PyPI at exact versions, for tests: `pypi_set("readers")` installs what `readers.txt` pins.

Each set is a virtual environment of its own, made at its first use, outside of the checkout.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.integration import installed

FOLDER: Final = Path(__file__).parent
VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"


def pypi_set(name: str) -> Path:
    """Return the interpreter of a set, after its installation; skip the test if that fails, or fail it in CI."""

    def install(folder: Path) -> None:
        installed.run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
        pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
        installed.run([*pip, "--requirement", str(_pins_file(name))], folder)

    return installed.install_once(VERSION, _pins_file(name), install) / "venv" / "bin" / "python"


def pins(name: str) -> Mapping[str, str]:
    """Return the versions of the packages of a set."""
    return dict(re.findall(r"^([\w-]+)==(\S+)$", _pins_file(name).read_text("utf-8"), re.MULTILINE))


def names() -> list[str]:
    """Return the names of all sets."""
    return sorted(file.stem for file in FOLDER.glob("*.txt"))


def _pins_file(name: str) -> Path:
    return FOLDER / f"{name}.txt"
