"""The lines of docs/clients/, run as documented, at the address of the test's gateway."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration import processes
from tests.integration.clients.installation import Installation, required_installation
from tests.integration.clients.stage import provider_process
from tests.integration.clients.table import DRIVERS

PAGES = Path(__file__).parents[2] / "docs" / "clients"
DOCUMENTED_URL = "http://127.0.0.1:8080"
TEXT = "The quick brown fox jumps over the lazy dog."
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lines of a page run."""

    installed: Installation
    gateway: str


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    installed = required_installation()
    with (
        provider_process(installed) as provider,
        processes.gateway("--upstream", f"{provider.url}/v1", rate_limit_per_minute=0) as gateway,
    ):
        yield Place(installed, gateway.url)


def block(place: Place, page: str, language: str) -> str:
    """Return the only block in a language, with the address of the gateway."""
    (found,) = blocks(place, page, language)
    return found


def blocks(place: Place, page: str, language: str) -> list[str]:
    """Return the blocks in a language, with the address of the gateway."""
    found = re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL)
    return [str(text).replace(DOCUMENTED_URL, place.gateway) for text in found]


def pages(language: str) -> list[str]:
    return sorted(page.name for page in PAGES.glob("*.md") if f"```{language}\n" in page.read_text("utf-8"))


def output(place: Place, command: list[str], folder: Path, **variables: str) -> str:
    """Run a command in a folder, with the installed clients in its path; return what it prints."""
    clients = (place.installed.folder / "venv" / "bin", place.installed.folder / "node_modules" / ".bin")
    path = os.pathsep.join([*map(str, clients), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize("page", pages("python"))
def test_the_lines_for_python_print_the_answer(place: Place, tmp_path: Path, page: str) -> None:
    (tmp_path / "lines.py").write_text(block(place, page, "python"), "utf-8")
    command = [str(place.installed.python), "lines.py"]
    assert TEXT in output(place, command, tmp_path, LITELLM_LOCAL_MODEL_COST_MAP="True")


@pytest.mark.parametrize("page", pages("js"))
def test_the_lines_for_node_print_the_answer(place: Place, tmp_path: Path, page: str) -> None:
    (tmp_path / "node_modules").symlink_to(place.installed.folder / "node_modules")
    (tmp_path / "lines.mjs").write_text(block(place, page, "js"), "utf-8")
    assert TEXT in output(place, [str(place.installed.node), "lines.mjs"], tmp_path)


def test_the_lines_for_codex_print_the_answer(place: Place, tmp_path: Path) -> None:
    home = tmp_path / ".codex"
    home.mkdir()
    (home / "config.toml").write_text(block(place, "codex.md", "toml"), "utf-8")
    # Codex works in a repository.
    subprocess.run([processes.program("git"), "init", "--quiet"], cwd=tmp_path, check=True)
    assert TEXT in output(place, ["bash", "-ec", block(place, "codex.md", "sh")], tmp_path)


def test_the_lines_for_claude_code_print_the_answer(place: Place, tmp_path: Path) -> None:
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    lines, other_model = blocks(place, "claude-code.md", "sh")
    assert TEXT in output(place, ["bash", "-ec", lines], tmp_path, **quiet)
    command = lines.partition(" --model")[0]
    assert TEXT in output(place, ["bash", "-ec", other_model + command], tmp_path, **quiet)


def test_the_lines_for_llm_print_the_answer(place: Place, tmp_path: Path) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(block(place, "llm.md", "yaml"), "utf-8")
    command = ["bash", "-ec", block(place, "llm.md", "sh")]
    assert TEXT in output(place, command, tmp_path, LLM_USER_PATH=str(tmp_path))


def test_the_configuration_for_all_clients_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGES.with_suffix(".md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "dualstream.toml").write_text(example, "utf-8")
    command = [sys.executable, "-m", "gateway", "check"]
    environment = {**os.environ, "OPENAI_API_KEY": "k"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "\nchat, default, alias gpt-5, alias claude-sonnet-4-5, alias claude-haiku-4-5\n" in done.stdout


def test_every_client_has_a_page_and_every_page_a_client() -> None:
    assert {driver.page for driver in DRIVERS} == {page.name for page in PAGES.glob("*.md")}
