"""Packages for tests, outside of the checkout: each set is installed once, and kept under the hash of its pins."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.integration.processes import missing

VARIABLE: Final = "DUALSTREAM_CLIENTS"
"""Environment variable with the folder of all installations, in place of the one in the user's cache."""
INSTALL_SECONDS: Final = 300


def cache() -> Path:
    """Return the folder of all installations."""
    root = os.environ.get(VARIABLE)
    return Path(root) if root else Path.home() / ".cache" / "dualstream-clients"


def install_once(kind: str, pins: Path, install: Callable[[Path], None]) -> Path:
    """Return the folder of a set, after its installation: `install` fills an empty folder."""
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    folder = cache() / f"{kind}-{pins.stem}-{digest}"
    stamp = folder / "installed"
    if not stamp.exists():
        with _only_one_process(folder):
            if not stamp.exists():
                # In place of what an interrupted installation has left.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                install(folder)
                stamp.touch()
    return folder


def run(command: Sequence[str], folder: Path) -> None:
    """Run an installer; if it fails, skip the test, or fail it with `CI=true`."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        missing(f"{' '.join(command)} took over {INSTALL_SECONDS} s")
    if done.returncode != 0:
        missing(f"{' '.join(command)} failed: {done.stderr.strip()}")


@contextmanager
def _only_one_process(folder: Path) -> Iterator[None]:
    """Hold a lock that other processes wait for: tests run in several."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
