"""The lines of docs/clients/, run as documented, at the address of the test's gateway."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.integration import npm, processes
from tests.integration.browser import click, wait_until
from tests.integration.clients.installation import Installation, required_installation
from tests.integration.clients.stage import provider_process
from tests.integration.clients.table import DRIVERS, UI_DRIVERS
from tests.integration.npm import node22, npm_set
from tests.integration.pypi import pypi_set

PAGES = Path(__file__).parents[2] / "docs" / "clients"
INDEX = PAGES / "index.md"
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
        provider_process() as provider,
        processes.gateway("--upstream", f"{provider.url}/v1", default_model="kit", rate_limit_per_minute=0) as gateway,
    ):
        yield Place(installed, gateway.url)


def block(place: Place, page: str, language: str) -> str:
    """Return the only block in a language, with the address of the gateway."""
    (found,) = blocks(place, page, language)
    return found


def blocks(place: Place, page: str, language: str) -> list[str]:
    """Return the blocks in a language, with the address of the gateway."""
    found = re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL)
    socket = DOCUMENTED_URL.replace("http", "ws")
    replaced = [str(text).replace(socket, place.gateway.replace("http", "ws")) for text in found]
    return [text.replace(DOCUMENTED_URL, place.gateway) for text in replaced]


def numbered_blocks(language: str) -> list[tuple[str, int]]:
    """Return the pages with blocks in a language, and the number of each block."""
    counts = {page.name: page.read_text("utf-8").count(f"```{language}\n") for page in sorted(PAGES.glob("*.md"))}
    return [(page, number) for page, count in counts.items() for number in range(count)]


def set_of(page: str, *, is_for_node: bool) -> str:
    """Return the set of packages of the clients of a page; none: the installation."""
    sets = {driver.packages for driver in (*DRIVERS, *UI_DRIVERS) if driver.page == page}
    found = sorted(name for name in sets if not name or ((npm.FOLDER / f"{name}.json").exists() is is_for_node))
    return max(found, key=len, default="")


def output(place: Place, command: list[str], folder: Path, **variables: str) -> str:
    """Run a command in a folder, with the installed clients in its path; return what it prints."""
    clients = (
        place.installed.folder / "venv" / "bin",
        place.installed.folder / "node_modules" / ".bin",
        Path(node22()).parent,
    )
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


@pytest.mark.parametrize(("page", "number"), numbered_blocks("python"))
def test_the_lines_for_python_print_the_answer(place: Place, tmp_path: Path, page: str, number: int) -> None:
    (tmp_path / "lines.py").write_text(blocks(place, page, "python")[number], "utf-8")
    packages = set_of(page, is_for_node=False)
    python = pypi_set(packages) if packages else place.installed.python
    assert TEXT in output(place, [str(python), "lines.py"], tmp_path, LITELLM_LOCAL_MODEL_COST_MAP="True")


@pytest.mark.parametrize(("page", "number"), numbered_blocks("js"))
def test_the_lines_for_node_print_the_answer(place: Place, tmp_path: Path, page: str, number: int) -> None:
    packages = set_of(page, is_for_node=True)
    installed = npm_set(packages).node_modules if packages else place.installed.folder / "node_modules"
    (tmp_path / "node_modules").symlink_to(installed)
    (tmp_path / "lines.mjs").write_text(blocks(place, page, "js")[number], "utf-8")
    assert TEXT in output(place, [node22(), "lines.mjs"], tmp_path)


@pytest.mark.parametrize(
    ("language", "page", "number"),
    [(language, *block) for language in ("javascript", "jsx") for block in numbered_blocks(language)],
)
def test_the_lines_for_a_page_show_the_answer(
    place: Place, driver: Chrome, tmp_path: Path, language: str, page: str, number: int
) -> None:
    lines = tmp_path / f"lines.{'jsx' if language == 'jsx' else 'mjs'}"
    lines.write_text(blocks(place, page, language)[number], "utf-8")
    npm_set(set_of(page, is_for_node=True)).link_into(tmp_path)
    options = ["--bundle", "--format=esm", "--jsx=automatic", '--define:process.env.NODE_ENV="production"']
    bundler = [npm_set("bundling").binary("esbuild"), str(lines), *options]
    bundle = subprocess.run(bundler, check=True, capture_output=True, text=True, timeout=SECONDS).stdout
    driver.get(f"{place.gateway}/health")
    # As a module: lines may await.
    driver.execute_script(
        "const script = document.createElement('script');"
        "script.type = 'module';"
        "script.textContent = arguments[0];"
        "document.body.replaceChildren(script);",
        bundle,
    )
    if language == "jsx":
        send = wait_until(lambda: driver.find_elements("css selector", "form button"), lambda: "no form")
        click(send[0])
    read_text = "return [...document.body.children].map((element) => element.innerText).join(' ')"
    wait_until(lambda: TEXT in driver.execute_script(read_text), lambda: driver.execute_script(read_text))


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
    (example,) = re.findall(r"```toml\n(.*?)```", INDEX.read_text("utf-8"), re.DOTALL)
    (tmp_path / "dualstream.toml").write_text(example, "utf-8")
    command = [sys.executable, "-m", "gateway", "check"]
    environment = {**os.environ, "OPENAI_API_KEY": "k"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "\nchat, default, alias gpt-5, alias claude-sonnet-4-5, alias claude-haiku-4-5\n" in done.stdout


def test_every_client_has_a_page_and_every_page_a_client() -> None:
    pages = {page.name for page in PAGES.glob("*.md")} - {INDEX.name}
    assert {driver.page for driver in (*DRIVERS, *UI_DRIVERS)} == pages
