"""A self-contained HTML page: no scripts, and no fonts or images from elsewhere."""

from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("page.css")


def document(title: str, body: str, colours: str) -> str:
    """Build the page; `colours` is the style sheet of its own charts."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text('utf-8')}{colours}</style>\n"
        f"</head>\n<body>\n{body}</body>\n</html>\n"
    )
