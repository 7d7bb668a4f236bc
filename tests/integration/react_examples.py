"""The examples in React, examples/ai-sdk-react and examples/react-hook: built, served, and operated in a browser.

Both pages have the same elements, so that one driver operates them.
"""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.integration.browser import click, wait_until
from tests.integration.javascript.project import Project, run
from tests.integration.npm import node22, npm_set
from tests.integration.processes import CHECKOUT, serving

FOLDER: Final = CHECKOUT / "examples"
EXAMPLES: Final = ("ai-sdk-react", "react-hook")
SETS: Final = ("chat_uis", "vite", "bundling")
"""Sets that have the packages of the examples; the first one has the React that all share."""


def create_project(folder: Path, archive: Path) -> Project:
    """Create a project with the sources of the examples, one folder each, and with the packages of all."""
    project = Project(folder, archive)
    for name in SETS:
        project.link(name)
    for example in EXAMPLES:
        shutil.copytree(FOLDER / example, folder / example, ignore=shutil.ignore_patterns("node_modules", "dist"))
    return project


def check_types(project: Project, example: str) -> list[str]:
    """Return the errors that `tsc` finds in an example."""
    # Packages of one set use the types of another one: TypeScript must look beside the links.
    command = [npm_set("bundling").binary("tsc"), "--preserveSymlinks", "--pretty", "false"]
    return run(command, project.folder / example).stdout.splitlines()


def build(project: Project, example: str) -> None:
    """Build the page of an example."""
    done = run([*_vite(), "build", "--logLevel", "error"], project.folder / example)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def site(project: Project, example: str, gateway: str) -> Iterator[str]:
    """Serve a built page by Vite, which passes requests of the gateway on; yield the page's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    command = [*_vite(), "preview", str(project.folder / example), *options]
    with serving(command, r"Local:\s+(http://127[\d.:]+)", {"GATEWAY": gateway, "NO_COLOR": "1"}) as server:
        yield server.url


def _vite() -> list[str]:
    return [node22(), str(npm_set("vite").file("vite/bin/vite.js"))]


class ChatPage:
    """The page of an example."""

    def __init__(self, driver: Chrome, url: str, model: str) -> None:
        self.driver = driver
        driver.get(f"{url}/?model={quote(model)}")
        driver.execute_script("sessionStorage.clear(); localStorage.clear(); location.hash = '';")
        self.refresh()

    def refresh(self) -> None:
        """Reload the page."""
        self.driver.refresh()
        wait_until(lambda: self.driver.find_elements("id", "question"), lambda: "the page is empty")

    def send(self, text: str) -> None:
        """Send a message."""
        self.driver.find_element("id", "question").send_keys(text)
        self.click("Send")

    def click(self, name: str) -> None:
        """Click the button of a name, or the transport, when it is there."""
        path = f"//button[text()='{name}']|//label[text()='{name}']"

        def clicked() -> bool:
            found = self.driver.find_elements(By.XPATH, path)
            if found:
                click(found[0])
            return bool(found)

        wait_until(clicked, self.describe)

    def turns(self) -> list[tuple[str, str]]:
        """Return the role and the text of each message."""
        script = (
            "return [...document.querySelectorAll('li')].map((item) => [item.className,"
            " [...item.querySelectorAll('p')].map((each) => each.textContent).join('')])"
        )
        return [(kind.removesuffix(" running"), text) for kind, text in self.driver.execute_script(script)]

    @property
    def answer(self) -> str:
        """The text of the last message, if it is an answer."""
        turns = self.turns()
        return turns[-1][1] if turns and turns[-1][0] == "assistant" else ""

    def text(self, selector: str) -> str:
        """Return the text of the last element of a selector, "" if there is none."""
        script = "return [...document.querySelectorAll(arguments[0])].at(-1)?.textContent ?? ''"
        return str(self.driver.execute_script(script, selector))

    @property
    def generation(self) -> str:
        """The id of the last generation that the page has stored."""
        script = "return JSON.stringify([{ ...localStorage }, { ...sessionStorage }])"
        return str(re.findall(r'generationId\\*":\\*"([\w-]+)', self.driver.execute_script(script))[-1])

    @property
    def status(self) -> str:
        """What the page says of its waiting."""
        return self.text("[role=status]")

    @property
    def figures(self) -> str:
        """What the last message says of its answer."""
        return self.text("li:last-child small")

    @property
    def error(self) -> str:
        """The error that the page shows."""
        return self.text("[role=alert]").removesuffix("Try again")

    def wait_for_text(self, beyond: int) -> str:
        """Wait until the last answer is longer than this; return it."""
        wait_until(lambda: len(self.answer) > beyond, self.describe)
        return self.answer

    def wait_for_end(self) -> str:
        """Wait until the last answer has ended well; return it."""
        wait_until(lambda: self.text("form > button") == "Send" and self.figures, self.describe)
        return self.answer

    def describe(self) -> object:
        """Return what a failed test tells of the page."""
        return (self.status, self.error, [(role, text[-60:]) for role, text in self.turns()])
