"""Other revisions of the gateway, to be measured in turns with the present one."""

import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tests.bench.processes import CHECKOUT

FOLDER = CHECKOUT / "build" / "bench" / "revisions"


class RevisionError(Exception):
    """A revision can't be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A checkout and its name, which has no `@`."""

    name: str
    checkout: Path


def find_revision(text: str, repository: Path = CHECKOUT, folder: Path = FOLDER) -> Revision:
    """Return the revision that git finds by this name, extracted below a folder, or the checkout at this path.

    Raises:
        RevisionError: there is neither a revision nor a gateway.
    """
    path = Path(text)
    revision = Revision(path.resolve().name, path.resolve()) if path.is_dir() else _extract(text, repository, folder)
    if not (revision.checkout / "gateway" / "__main__.py").is_file():
        message = f"{text}: there is no gateway"
        raise RevisionError(message)
    return revision


def _extract(text: str, repository: Path, folder: Path) -> Revision:
    name = _git(repository, "rev-parse", "--verify", "--short", f"{text}^{{commit}}").decode().strip()
    target = folder / name
    if not target.is_dir():
        # The files alone: a worktree would remain in the repository's list.
        with tarfile.open(fileobj=BytesIO(_git(repository, "archive", name))) as files:
            files.extractall(target, filter="data")
    return Revision(name, target)


def _git(repository: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise RevisionError(done.stderr.decode(errors="replace").strip())
    return done.stdout
