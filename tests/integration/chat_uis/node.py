"""Run a program of this folder in Node.js, with the packages of a set."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.integration.npm import node22, npm_set

FOLDER: Final = Path(__file__).parent
SECONDS: Final = 100.0


def command(program: str, packages: str, folder: Path, *arguments: str) -> list[str]:
    """Return the command of a program, which is copied into a folder beside its packages."""
    shutil.copy(FOLDER / program, folder)
    if not (folder / "node_modules").exists():
        npm_set(packages).link_into(folder)
    return [node22(), str(folder / program), *arguments]


def run_program(program: str, packages: str, folder: Path, *arguments: str) -> str:
    """Return what a program prints."""
    done = subprocess.run(
        command(program, packages, folder, *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
