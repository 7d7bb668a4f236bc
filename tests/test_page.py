"""The demo page shows model output as text: no script turns a string into markup or code."""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[1] / "static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
SINKS = re.compile(
    r"(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\b|new Function|createContextualFragment|srcdoc"
    r"|DOMParser|setHTML|parseHTML|javascript:|trustedTypes|createElementNS?\(\s*[\"'](?:script|iframe|object|embed)"
    r"|setTimeout\(\s*[\"'`]|setInterval\(\s*[\"'`]|import\([^\"']"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_script_turns_text_into_markup_or_code(script: Path) -> None:
    assert SINKS.findall(script.read_text("utf-8")) == []


def test_every_script_is_checked() -> None:
    assert {script.name for script in SCRIPTS} >= {"main.js", "messages.js", "dualstream.js", "answer.js"}
    assert SINKS.search("it.innerHTML = text")
    assert SINKS.search("setTimeout('go()', 1)")
    assert not SINKS.search("setTimeout(go, 1)")


@pytest.mark.parametrize("name", ["demo.html", "console.html", "api.html"])
def test_a_page_has_no_inline_script(name: str) -> None:
    page = (STATIC / name).read_text("utf-8")
    assert re.findall(r"<script\b[^>]*>(.*?)</script>", page, re.DOTALL) == [""]
    assert not re.search(r"\s(?:on\w+|style)\s*=|javascript:|<(?:iframe|object|embed|base|style)\b", page)
    # It loads only the gateway's own files and inline images.
    loaded = re.findall(r"\b(?:src|href)=\"([^\"]*)\"", re.sub(r"<a\b[^>]*>", "", page))
    assert loaded
    assert all(url.startswith(("/static/", "data:image/")) for url in loaded)
