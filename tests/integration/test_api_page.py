"""The page of the API in Chromium: made from `/openapi.json`, searched, linked to, and tried with a key."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys

from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_file import write_keys
from tests.integration import processes
from tests.integration.api_page import ApiPage
from tests.integration.browser import chromium, click, read_json, wait_until
from tests.integration.npm import npm_set
from tests.integration.processes import Server
from tests.integration.test_page_accessibility import RUN

KEY = generate_key()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a gateway with the simulator and one key, of an operator."""
    file = tmp_path_factory.mktemp("keys") / "keys.toml"
    write_keys(file, [StoredKey("ops", KEY.id, hash_secret(KEY.secret), roles=frozenset({"operate"}))])
    with processes.gateway(keys_file=file) as server:
        yield server


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, chromium(Path(profile)) as driver:
        yield driver


@pytest.fixture
def page(driver: Chrome, gateway: Server) -> Iterator[ApiPage]:
    page = ApiPage(driver, gateway)
    page.open()
    yield page
    assert page.console() == []


def test_every_operation_and_schema_has_a_section_and_an_entry(page: ApiPage, gateway: Server) -> None:
    document = read_json(f"{gateway.url}/openapi.json")
    operations = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    expected = {*operations, *(f"schema-{name}" for name in document["components"]["schemas"])}
    sections = page.run("return [...document.querySelectorAll('main section')].map(({ id }) => id)")
    entries = page.run("return [...document.querySelectorAll('#contents li')].map(({ dataset }) => dataset.of)")
    assert len(sections) == len(expected)
    assert {*sections} == {*entries} == expected
    links = page.run("return [...document.querySelectorAll('main a')].map((link) => link.getAttribute('href'))")
    assert {link[1:] for link in links} <= expected
    # Every command of curl names a request of the document.
    commands = page.run(
        "return [...document.querySelectorAll('.trial > .code-block code')].map((it) => it.textContent)"
    )
    assert len(commands) == len(operations)
    assert all(command.startswith(("curl -s", "curl -N")) and gateway.url in command for command in commands)


def test_what_is_searched_for_stays(page: ApiPage) -> None:
    page.find("body").send_keys("/")
    field = page.find("#search")
    assert page.run("return document.activeElement.id") == "search"
    field.send_keys("revoke")
    assert page.shown() == ["revokeKey", "schema-RevokedKey"]
    assert page.find("#page-status").text == "2 found."
    field.send_keys(Keys.ENTER)
    assert page.run("return document.activeElement.closest('section').id") == "revokeKey"
    field.send_keys(" nothing like that")
    assert page.shown() == []
    assert "Nothing contains" in page.find("#page-status").text
    field.send_keys(Keys.ESCAPE)
    assert len(page.shown()) > 60


def test_a_link_leads_to_its_section(page: ApiPage) -> None:
    page.open("#createKey")
    top = "return document.getElementById('createKey').getBoundingClientRect().top"
    wait_until(lambda: 0 <= page.run(top) < 200, lambda: page.run(top))
    marked = "return document.querySelector('#contents [aria-current]')?.parentElement.dataset.of"
    wait_until(lambda: page.run(marked) == "createKey", lambda: page.run(marked))


def test_a_request_is_tried_with_a_key_that_stays_in_memory(page: ApiPage) -> None:
    page.send("listKeys")
    status, body = page.reply("listKeys")
    assert status == "401"
    assert '"auth_error"' in body
    page.use_key(KEY)
    page.send("listKeys")
    status, body = page.reply("listKeys")
    assert status == "200"
    assert '"name": "ops"' in body
    assert KEY.secret not in page.run("return document.documentElement.outerHTML")
    assert page.run("return Object.keys({ ...localStorage, ...sessionStorage }).length + document.cookie.length") == 0
    # A stream is shown while it arrives, and can be stopped.
    model = '{"model": "sim?speed=50&length=100000&ttft=0", "prompt": "x"}'
    page.run("document.getElementById('startStreaming-body').value = arguments[0]", model)
    page.send("startStreaming")
    stream = "#startStreaming .reply pre"
    wait_until(
        lambda: "chunk" in (page.find(stream).get_attribute("textContent") or ""), lambda: page.find(stream).text
    )
    click(page.find("#startStreaming .trial-actions .quiet"))
    facts = "#startStreaming .reply .facts"
    wait_until(lambda: "stopped after" in page.find(facts).text, lambda: page.find(facts).text)
    click(page.find("#open-key"))
    click(page.find("#forget-key"))
    page.send("listBudgets")
    assert page.reply("listBudgets")[0] == "401"
    # Chromium reports each refusal.
    assert all("401 (Unauthorized)" in message for message in page.console())


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_axe_finds_nothing(page: ApiPage, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media: Any = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    page.open("#health")
    page.send("health")
    page.reply("health")
    page.run("for (const at of document.querySelectorAll('#health details')) at.open = true")
    if width < 600:
        page.run("document.querySelector('#contents details').open = true")
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    # What is hidden is not examined: all of the page would take ten times as long.
    page.find("#search").send_keys("interrupt")
    axe = npm_set("accessibility").file("axe-core/axe.min.js").read_text("utf-8")
    page.run(f"{axe};\nwindow.axe = axe;")
    page.driver.set_script_timeout(60)
    found = page.driver.execute_async_script(f"const done = arguments[arguments.length - 1];\n{RUN}")
    assert found == []
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
