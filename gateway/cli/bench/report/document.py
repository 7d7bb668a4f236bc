"""A page that needs nothing else: no script, no font, no picture from elsewhere."""

from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("page.css")


def document(title: str, body: str, colours: str) -> str:
    """Put the parts of a page together; `colours` is the style of what only this page draws."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text('utf-8')}{colours}</style>\n"
        f"</head>\n<body>\n{body}</body>\n</html>\n"
    )
