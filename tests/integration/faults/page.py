"""docs/reliability.md, section by section: each tool writes its own and leaves the others."""

import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
SOAK = "## Ten minutes at random"


def write_section(heading: str, text: str) -> None:
    """Replace what stands under a heading, or add it at the end."""
    page = PAGE.read_text("utf-8") if PAGE.exists() else ""
    section = f"{heading}\n\n{text.strip()}\n"
    found = _find(page, heading)
    page = page.replace(found, section) if found else f"{page.rstrip()}\n\n{section}"
    PAGE.write_text(page.lstrip(), "utf-8")


def write_page(sections: Sequence[str]) -> None:
    """Write the page anew."""
    PAGE.write_text("\n\n".join(part.strip() for part in sections if part) + "\n", "utf-8")


def section(heading: str) -> str:
    """Give what stands under a heading now, heading included; empty if it is not there."""
    return _find(PAGE.read_text("utf-8"), heading) if PAGE.exists() else ""


def _find(page: str, heading: str) -> str:
    found = re.search(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""
