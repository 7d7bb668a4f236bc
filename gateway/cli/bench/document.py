"""A self-contained HTML page: no scripts, and no fonts or images from elsewhere."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Final

STYLE: Final = Path(__file__).with_name("page.css")
COLOURS: Final = Path(__file__).with_name("colours.css")
SHADES: Final = 8
"""Number of colours in colours.css; the ninth series has the colour of the first."""


def document(title: str, body: str, colours: str) -> str:
    """Build the page; `colours` is the style sheet of its own charts."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text('utf-8')}{colours}</style>\n"
        f"</head>\n<body>\n{body}</body>\n</html>\n"
    )


def shade(index: int) -> str:
    """Return the class that gives a series its colour."""
    return f"shade-{index % SHADES}"


def tile(title: str, figure: str, about: str) -> str:
    """Return one figure in large type."""
    return f"<div class=tile>{escape(title)}<b>{escape(figure)}</b><span class=soft>{escape(about)}</span></div>"


def chart_card(title: str, about: str, drawing: str) -> str:
    """Return a card with a chart, or with a note if there is none."""
    return (
        f'<div class="card"><h2>{escape(title)}</h2><p class=soft>{escape(about)}</p>'
        f"{drawing or '<p>nothing was measured</p>'}</div>"
    )


def section(title: str, content: str, about: str = "") -> str:
    """Return a card as wide as the page."""
    soft = f"<p class=soft>{escape(about)}</p>" if about else ""
    return f"<section class=card><h2>{escape(title)}</h2>{soft}{content}</section>\n"


def failures(problems: Iterable[str]) -> str:
    """Return the card of what failed; nothing if nothing did."""
    listed = "".join(f"<p class=bad>{escape(problem)}</p>" for problem in problems)
    return section("Failures", listed) if listed else ""


def method(sentences: Iterable[str]) -> str:
    """Return the card of how it was measured."""
    return section("Method", f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>")


def facts(pairs: Mapping[str, str]) -> str:
    """Return the card of what was run."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs.items())
    return section("Run", f"<dl>{items}</dl>")
