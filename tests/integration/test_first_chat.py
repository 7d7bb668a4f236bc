"""The files of docs/guides/first-chat.md: each way built as the page says, and operated in a real browser."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome, Keys

from tests.integration import processes
from tests.integration.browser import click, read_json, wait_until
from tests.integration.javascript.project import Project, run, serve
from tests.integration.npm import node22, npm_set
from tests.integration.processes import CHECKOUT, Server

PAGE: Final = (CHECKOUT / "docs" / "guides" / "first-chat.md").read_text("utf-8")
GATEWAY: Final = "http://127.0.0.1:8080"
SLOW: Final = '"sim?speed=20"'
EVENT_SOURCE: Final = "EventSource in one file"
PACKAGE: Final = "The npm package"
HOOK: Final = "React: `useGeneration`"
AI_SDK: Final = "React: `useChat` of the AI SDK"
PAGES: Final = (EVENT_SOURCE, PACKAGE, HOOK, AI_SDK)

pytestmark = pytest.mark.timeout(180)


def files(section: str) -> dict[str, str]:
    """Return the files of a section of the page, by name."""
    (text,) = [part for part in PAGE.split("\n## ") if part.startswith(f"{section}\n")]
    return dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Project:
    project = Project(tmp_path_factory.mktemp("project"), archive)
    for name in ("chat_uis", "vite"):
        project.link(name)
    return project


@contextmanager
def site(section: str, project: Project, folder: Path, model: str) -> Iterator[tuple[str, Server]]:
    """Serve the page of a section at an origin of its own; yield that, and the gateway that admits it."""
    sources = files(section)
    if section == AI_SDK:
        sources["index.html"] = files(HOOK)["index.html"]
    with serve(folder) as origin, processes.gateway(allowed_origins=origin, rate_limit_per_minute=0) as gateway:
        built = project.folder / re.sub(r"\W+", "-", section) if section != EVENT_SOURCE else folder
        built.mkdir(exist_ok=True)
        for name, text in sources.items():
            assert name.endswith(".html") or SLOW in text
            (built / name).write_text(text.replace(GATEWAY, gateway.url).replace(SLOW, f'"{model}"'), "utf-8")
        if section != EVENT_SOURCE:
            vite = [node22(), str(npm_set("vite").file("vite/bin/vite.js"))]
            done = run([*vite, "build", "--outDir", str(folder), "--emptyOutDir", "--logLevel", "error"], built)
            assert done.returncode == 0, done.stdout + done.stderr
        yield origin, gateway


@pytest.mark.parametrize("section", PAGES)
def test_a_refresh_goes_on_reading_and_stop_stops(
    driver: Chrome, project: Project, tmp_path: Path, section: str
) -> None:
    with site(section, project, tmp_path, "sim?ttft=0&speed=100&length=5000") as (origin, gateway):
        driver.get(origin)
        ask(driver)
        before = wait_for_text(driver, beyond=60)
        driver.refresh()
        assert wait_for_text(driver, beyond=len(before) + 60).startswith(before)
        click(driver.find_element("id", "stop"))
        stats = f"{gateway.url}/api/stats"
        wait_until(lambda: read_json(stats)["running"] == 0, lambda: read_json(stats))
        (wanted,) = stopped_texts(driver, gateway)
        wait_until(lambda: text(driver) == wanted, lambda: (text(driver), wanted))
        driver.refresh()
        wait_until(lambda: text(driver) == wanted, lambda: (text(driver), wanted))


@pytest.mark.parametrize("section", PAGES)
def test_a_failure_is_shown(driver: Chrome, project: Project, tmp_path: Path, section: str) -> None:
    with site(section, project, tmp_path, "sim?ttft=0&fault=drop&after=20") as (origin, _):
        driver.get(origin)
        ask(driver)
        wait_until(lambda: "The connection to the provider broke off" in status(driver), lambda: status(driver))


@pytest.mark.parametrize("section", PAGES)
def test_a_gateway_that_ends_is_noticed(driver: Chrome, project: Project, tmp_path: Path, section: str) -> None:
    with site(section, project, tmp_path, "sim?ttft=0&speed=100&length=5000") as (origin, gateway):
        driver.get(origin)
        ask(driver)
        wait_for_text(driver, beyond=20)
        os.kill(gateway.pid, signal.SIGKILL)
        expected = "error" if section == AI_SDK else "Reconnecting …"
        wait_until(lambda: expected in status(driver), lambda: status(driver))


def test_python_goes_on_in_another_process(plain_gateway: Server, tmp_path: Path) -> None:
    path = os.pathsep.join([str(CHECKOUT / "gateway/client/top_level"), str(CHECKOUT)])
    printed = {}
    for name, source in files("Python").items():
        (tmp_path / name).write_text(source.replace(GATEWAY, plain_gateway.url), "utf-8")
        done = subprocess.run(
            [sys.executable, name],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed[name] = done.stdout
    assert printed["ask.py"].startswith("You asked: “Why is the sky blue?”")
    rest, _, state = printed["go_on.py"].rstrip("\n").rpartition("\n")
    generation = (tmp_path / "position.txt").read_text("utf-8").partition(":")[0]
    snapshot = read_json(f"{plain_gateway.url}/api/generations/{generation}")
    assert (state, snapshot["state"], snapshot["text"]) == ("interrupted", "interrupted", printed["ask.py"] + rest)


def test_every_file_is_tested() -> None:
    assert len(re.findall(r"^`[\w.]+`:$", PAGE, re.MULTILINE)) == sum(len(files(s)) for s in (*PAGES, "Python"))


def ask(driver: Chrome) -> None:
    """Send a prompt."""
    wait_until(lambda: driver.find_elements("name", "prompt"), lambda: driver.page_source)
    driver.find_element("name", "prompt").send_keys("Why is the sky blue?", Keys.ENTER)


def status(driver: Chrome) -> str:
    """Return what the page says of an error or of its connection."""
    script = (
        "return [...document.querySelectorAll('[role=alert], [role=status]')].map((each) => each.textContent).join()"
    )
    return str(driver.execute_script(script))


def text(driver: Chrome) -> str:
    """Return the text of the last answer."""
    script = "return [...document.querySelectorAll('.assistant')].at(-1)?.textContent ?? ''"
    return str(driver.execute_script(script))


def wait_for_text(driver: Chrome, beyond: int) -> str:
    """Wait until the answer is longer than this; return it."""
    wait_until(lambda: len(text(driver)) > beyond, lambda: driver.page_source)
    return text(driver)


def stopped_texts(driver: Chrome, gateway: Server) -> set[str]:
    """Return the texts of the generations that the page has stored, as the gateway has them."""
    stored = driver.execute_script("return JSON.stringify([{ ...sessionStorage }])")
    found = set(re.findall(r"\bg_[\w-]+", stored))
    snapshots = [read_json(f"{gateway.url}/api/generations/{generation}") for generation in found]
    assert {snapshot["state"] for snapshot in snapshots} == {"interrupted"}
    return {snapshot["text"] for snapshot in snapshots}
