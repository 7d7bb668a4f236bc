"""Other revisions of the gateway are found by name or path."""

import subprocess
from pathlib import Path

import pytest

from tests.bench.revisions import RevisionError, find_revision


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository whose first revision has a gateway, and whose second one has none."""
    folder = tmp_path / "repository"
    file = folder / "gateway" / "__main__.py"
    file.parent.mkdir(parents=True)
    file.write_text("first\n")
    _git(folder, "init", "--quiet")
    for message in ("first", "second"):
        _git(folder, "add", "--all")
        _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", message)
        file.rename(folder / "other.py") if file.exists() else None
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_a_revision_is_extracted_once(repository: Path, tmp_path: Path) -> None:
    found = find_revision("HEAD~1", repository, tmp_path / "extracted")
    assert (found.checkout / "gateway" / "__main__.py").read_text() == "first\n"
    assert found.checkout.name == found.name
    assert find_revision("HEAD~1", repository, tmp_path / "extracted") == found


def test_a_checkout_is_used_as_it_is(repository: Path, tmp_path: Path) -> None:
    _git(repository, "checkout", "--quiet", "HEAD~1")
    found = find_revision(str(repository), repository, tmp_path)
    assert (found.name, found.checkout) == ("repository", repository)


@pytest.mark.parametrize(("text", "reason"), [("unknown", "Needed a single revision"), ("HEAD", "there is no gateway")])
def test_what_has_no_gateway_is_refused(repository: Path, tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(RevisionError, match=reason):
        find_revision(text, repository, tmp_path / "extracted")
