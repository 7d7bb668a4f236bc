"""Sections of docs/reports/reliability.md: each tool writes its own and keeps the others."""

import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "reports" / "reliability.md"
SOAK = "## Soak test"


def write_section(heading: str, text: str) -> None:
    """Replace the section with a heading, or append it."""
    page = PAGE.read_text("utf-8") if PAGE.exists() else ""
    section = f"{heading}\n\n{text.strip()}\n"
    old = _find(page, heading)
    page = page.replace(old, section) if old else f"{page.rstrip()}\n\n{section}"
    PAGE.write_text(page.lstrip(), "utf-8")


def write_page(sections: Sequence[str]) -> None:
    """Write the whole page."""
    PAGE.write_text("\n\n".join(part.strip() for part in sections if part) + "\n", "utf-8")


def section(heading: str) -> str:
    """Return the current section with a heading, heading included; empty if there is none."""
    return _find(PAGE.read_text("utf-8"), heading) if PAGE.exists() else ""


def _find(page: str, heading: str) -> str:
    match = re.search(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return match[0] if match else ""
