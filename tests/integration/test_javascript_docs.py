"""The examples of docs/reference/javascript.md and of the package's README: compiled in strict mode, and run."""

import re
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome, Keys

from tests.integration import processes
from tests.integration.browser import click, read_json, wait_until
from tests.integration.javascript.project import PACKAGE, Project, serve
from tests.integration.npm import node22
from tests.integration.processes import CHECKOUT, Server

DOCUMENTED_URL: Final = "http://127.0.0.1:8080"
PAGES: Final = {"docs": CHECKOUT / "docs" / "reference" / "javascript.md", "package": PACKAGE / "README.md"}
PRINTED: Final = {
    "Start and read": r"\d+ \d+ [\d.]+$",
    "Stop and feedback": r"^stopped after [\d.]+ ms$",
    "Resume and watch": r"^1000$",
    "Errors": r"^model_not_found .+$",
    "Conversations": r"^You asked: “And at sunset\?”",
    "Tokens and tickets": r"^$",
}
"""What the example of each section prints, in Node."""

MOUNT: Final = """
import { createRoot } from "react-dom/client";
createRoot(document.querySelector("main")).render(<Chat />);
"""

ELEMENTS: Final = """
const [output, stopButton] = ["output", "stop"].map((id) => Object.assign(document.createElement("p"), { id }));
document.querySelector("main").append(output, stopButton);
"""


def examples(page: str, language: str) -> dict[str, str]:
    """Return the examples of a page in one language, by their sections."""
    found = {}
    for section in re.split(r"^#+ ", PAGES[page].read_text("utf-8"), flags=re.MULTILINE):
        for code in re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL):
            found[section.partition("\n")[0]] = code
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Project:
    project = Project(tmp_path_factory.mktemp("project"), archive)
    project.link("bundling")
    return project


@pytest.mark.parametrize("section", PRINTED)
def test_an_example_prints_what_it_says(project: Project, plain_gateway: Server, section: str) -> None:
    script = examples("docs", "js")[section].replace(DOCUMENTED_URL, plain_gateway.url)
    project.write("example.mjs", script)
    printed = project.node(node22(), "example.mjs")
    assert re.search(PRINTED[section], printed, re.MULTILINE), printed


def test_every_example_compiles_in_strict_mode(project: Project) -> None:
    names = []
    for language in ("js", "ts", "tsx"):
        for number, (section, code) in enumerate(examples("docs", language).items()):
            if section == "Install":  # the module that the gateway serves
                continue
            names.append(f"example-{language}-{number}.{'tsx' if language == 'tsx' else 'ts'}")
            project.write(names[-1], code)
    assert len(names) > len(PRINTED)
    assert project.compile(*names) == []


def test_every_example_is_tested() -> None:
    assert examples("docs", "js").keys() == {"Install", *PRINTED}
    assert [len(examples("docs", language)) for language in ("ts", "tsx", "html", "sh")] == [1, 1, 1, 1]
    assert [len(examples("package", language)) for language in ("js", "jsx", "sh")] == [1, 1, 1]


def test_the_page_of_another_origin(driver: Chrome, tmp_path: Path) -> None:
    (page,) = examples("docs", "html").values()
    with serve(tmp_path) as origin, processes.gateway(allowed_origins=origin) as server:
        (tmp_path / "index.html").write_text(page.replace(DOCUMENTED_URL, server.url), "utf-8")
        _read_and_stop(driver, origin, server)


def test_the_first_example_of_the_package(driver: Chrome, project: Project) -> None:
    (code,) = examples("package", "js").values()
    project.write("first.js", ELEMENTS + code)
    site = project.bundle("first.js", "--target=es2022")
    with serve(site) as origin, processes.gateway(allowed_origins=origin) as server:
        bundle = site / "page.js"
        bundle.write_text(bundle.read_text("utf-8").replace(DOCUMENTED_URL, server.url), "utf-8")
        _read_and_stop(driver, origin, server)


def _read_and_stop(driver: Chrome, origin: str, server: Server) -> None:
    """Check that a page shows an answer, and stops it."""
    driver.get(origin)
    read = "return document.querySelector('#output').textContent"
    wait_until(lambda: len(driver.execute_script(read)) > 50, lambda: driver.get_log("browser"))  # type: ignore[no-untyped-call]
    driver.execute_script("document.querySelector('#stop').onclick()")
    ended = f"{server.url}/api/stats"
    wait_until(lambda: read_json(ended)["running"] == 0, lambda: read_json(ended))
    assert len(driver.execute_script(read)) < 600


@pytest.mark.parametrize(("page", "language"), [("docs", "tsx"), ("package", "jsx")])
def test_the_component(driver: Chrome, project: Project, page: str, language: str) -> None:
    (code,) = examples(page, language).values()
    name = f"component-{page}.{language}"
    project.write(name, code + MOUNT)
    site = project.bundle(name)
    with serve(site) as origin, processes.gateway(allowed_origins=origin) as server:
        bundle = site / "page.js"
        bundle.write_text(bundle.read_text("utf-8").replace(DOCUMENTED_URL, server.url), "utf-8")
        driver.get(origin)
        buttons = "return [...document.querySelectorAll('button')].map((button) => button.textContent).join()"
        texts = "return [...document.querySelectorAll('form > p')].map((item) => item.textContent)"

        def read() -> list[str]:
            found: list[str] = driver.execute_script(texts)
            return found

        wait_until(lambda: driver.execute_script(buttons) == "Send", read)
        driver.find_element("css selector", "input").send_keys("Why is the sky blue?", Keys.ENTER)
        wait_until(lambda: len(read()) == 2 and len(read()[1]) > 50, read)
        assert driver.execute_script(buttons) == "Stop"
        click(driver.find_element("css selector", "button"))
        wait_until(lambda: driver.execute_script(buttons) == "Send", read)
        shown = read()
        assert (shown[0], len(shown[1]) < 600) == ("Why is the sky blue?", True)
        driver.refresh()
        wait_until(lambda: read() == shown, read)
