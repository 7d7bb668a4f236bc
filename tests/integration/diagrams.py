"""Draw the Mermaid diagrams of the documentation as SVG: `make diagrams`.

A code host draws them itself. The site shows these files: drawing in the reader's browser would need several megabytes
of JavaScript, and drawing at each build a browser and a package of npm. The name of a file is the hash of its source:
so a test finds a diagram that has changed.
"""

import hashlib
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from selenium.webdriver import Chrome

from tests.integration.browser import chromium
from tests.integration.processes import CHECKOUT, program

MERMAID: Final = "mermaid@12.3.0"
DOCS: Final = CHECKOUT / "docs"
FOLDER: Final = DOCS / "images" / "diagrams"
OPTIONS: Final = """{
  startOnLoad: false, securityLevel: "strict", theme: "base", deterministicIds: true,
  themeVariables: {
    fontFamily: "system-ui, sans-serif", fontSize: "14px", background: "#ffffff", primaryColor: "#e3f3f0",
    primaryBorderColor: "#0b7065", primaryTextColor: "#1b1f27", lineColor: "#5a6372", textColor: "#1b1f27",
    noteBkgColor: "#fbeee1", edgeLabelBackground: "#ffffff",
  },
}"""
DRAW: Final = f"""
const [source, id, done] = arguments;
mermaid.initialize({OPTIONS});
mermaid.render(id, source).then(({{ svg }}) => done(svg), (error) => done(String(error)));
"""


def sources() -> Mapping[str, str]:
    """Return the diagrams of all pages, by the names of their files."""
    texts = [page.read_text("utf-8") for page in sorted(DOCS.rglob("*.md"))]
    found = [
        source for text in texts for source in re.findall(r"^```mermaid\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    return {f"{hashlib.sha256(source.strip().encode()).hexdigest()[:12]}.svg": source for source in found}


def main() -> None:
    """Draw all diagrams, and delete those that are no longer used."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        chromium(Path(scratch) / "profile") as driver,
    ):
        driver.get(_page(Path(scratch)).as_uri())
        driver.set_script_timeout(30)
        drawn = {name: _draw(driver, name, source) for name, source in sources().items()}
    FOLDER.mkdir(exist_ok=True)
    for stale in FOLDER.glob("*.svg"):
        stale.unlink()
    for name, svg in drawn.items():
        (FOLDER / name).write_text(f"{svg}\n", "utf-8")


def _page(folder: Path) -> Path:
    """Write a page that loads the one-file build of Mermaid."""
    subprocess.run([program("npm"), "pack", "--silent", MERMAID], cwd=folder, check=True, timeout=120)
    (archive,) = folder.glob("mermaid-*.tgz")
    with tarfile.open(archive) as files:
        script = files.extractfile("package/dist/mermaid.min.js")
        assert script is not None
        (folder / "mermaid.js").write_bytes(script.read())
    page = folder / "page.html"
    page.write_text('<!doctype html><meta charset="utf-8"><script src="mermaid.js"></script>', "utf-8")
    return page


def _draw(driver: Chrome, name: str, source: str) -> str:
    svg = str(driver.execute_async_script(DRAW, source, f"d{name.removesuffix('.svg')}"))
    assert svg.startswith("<svg"), f"{svg}\n{source}"
    return svg


if __name__ == "__main__":
    main()
