"""The site of the documentation: it builds without a warning, needs nothing from elsewhere, and fits on a phone."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome

from tests.integration.browser import wait_until
from tests.integration.npm import npm_set
from tests.integration.processes import CHECKOUT, missing

SITE: Final = CHECKOUT / "docs" / "site"
WIDE: Final = (
    "docs/index",
    "docs/reference/configuration",
    "docs/reference/http",
    "docs/clients/index",
    "docs/comparison",
    "docs/performance",
    "docs/design",
)
"""Pages with wide tables, long names or diagrams."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("sphinx") is None:
        missing("Sphinx is not installed (the extra `docs`)")
    folder = tmp_path_factory.mktemp("docs")
    options = ["-W", "--keep-going", "--quiet", "--jobs", "auto", "-c", str(SITE), "-d", str(folder / "doctrees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(CHECKOUT), str(folder / "site")],
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.mark.timeout(180)
def test_every_page_is_built(site: Path) -> None:
    for page in (CHECKOUT / "docs").rglob("*.md"):
        assert (site / page.relative_to(CHECKOUT)).with_suffix(".html").exists(), page
    assert "docs/index.html" in (site / "index.html").read_text("utf-8")
    assert (site / "README.html").exists()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    for page in site.rglob("*.html"):
        assert loads.findall(page.read_text("utf-8")) == [], page
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text("utf-8")) == [], style


def test_external_links_are_listed(site: Path) -> None:
    links = (site.parent / "external-links.txt").read_text("utf-8").splitlines()
    assert links
    assert all(link.startswith("http") for link in links)


AXE: Final = """
const [source, done] = arguments;
(0, eval)(source);
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => {
  done(violations.map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ target }) => String(target))]));
});
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["docs/index", "docs/guides/first-chat"])
def test_axe_finds_nothing(site: Path, driver: Chrome, page: str, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.get((site / f"{page}.html").as_uri())
    axe = npm_set("accessibility").file("axe-core/axe.min.js").read_text("utf-8")
    assert driver.execute_async_script(AXE, axe) == []


def test_the_search_works_without_a_server(site: Path, driver: Chrome) -> None:
    driver.get(f"{(site / 'search.html').as_uri()}?q=interrupt")
    found = "return document.querySelectorAll('#search-results li').length"
    wait_until(lambda: driver.execute_script(found) > 3, lambda: driver.page_source[-2000:])


@pytest.mark.parametrize("page", WIDE)
def test_a_page_fits_on_a_phone(site: Path, driver: Chrome, page: str) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    driver.get((site / f"{page}.html").as_uri())
    assert driver.execute_script("return document.documentElement.scrollWidth") == 390
    broken = "return [...document.images].filter((image) => !image.naturalWidth).map(({ src }) => src)"
    assert driver.execute_script(broken) == []
