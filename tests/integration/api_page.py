"""The page of the API in a browser, for tests and pictures."""

from typing import Any

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.remote.webelement import WebElement

from gateway.security.api_keys import ApiKey
from tests.integration.browser import click, wait_until
from tests.integration.processes import Server


class ApiPage:
    """The page, at the URL of a gateway."""

    def __init__(self, driver: Chrome, gateway: Server) -> None:
        self.driver, self.url = driver, gateway.url

    def open(self, fragment: str = "") -> None:
        """Load the page, at a fragment."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/docs{fragment}")
        wait_until(lambda: self.all("main section"), self.console)

    def all(self, selector: str) -> list[WebElement]:
        """Return the elements that match a CSS selector."""
        return self.driver.find_elements("css selector", selector)

    def find(self, selector: str) -> WebElement:
        """Return the first of them."""
        return self.driver.find_element("css selector", selector)

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what the script returns
        """Run a script in the page; return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[str]:
        """Return the messages of the browser since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def shown(self) -> list[str]:
        """Return the ids of the sections that are visible."""
        return [section.get_attribute("id") or "" for section in self.all("main section") if section.is_displayed()]

    def use_key(self, key: ApiKey) -> None:
        """Enter a key in the dialog."""
        click(self.find("#open-key"))
        self.find("#key").send_keys(key.text(), Keys.ENTER)
        assert self.find("#key-state").text == "Key in use"

    def send(self, operation: str) -> None:
        """Send the request of an operation."""
        self.run("document.getElementById(arguments[0]).scrollIntoView()", operation)
        click(self.find(f"#{operation} .trial-actions .primary"))

    def reply(self, operation: str) -> tuple[str, str]:
        """Return the status and the body of a reply, once it has ended."""
        facts = f"#{operation} .reply .facts"
        wait_until(lambda: "ended after" in self.find(facts).text, lambda: self.find(facts).text)
        return self.find(f"#{operation} .reply .status").text, self.find(f"#{operation} .reply pre").text
