"""What the site needs beyond plain Markdown: the navigation, and two lexers."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath

from docutils.nodes import Element
from pygments.lexers import JsxLexer, TextLexer
from pygments.token import Error, Text, _TokenType
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

INDEX = "docs/index"
LINK = re.compile(r"\]\(([^)#\s]+\.md)\)")


class JsxTextLexer(JsxLexer):
    """JSX whose text may have any character: Pygments reports one such as `…` as an error."""

    def get_tokens_unprocessed(
        self, text: str, stack: tuple[str, ...] = ("root",)
    ) -> Iterator[tuple[int, _TokenType, str]]:
        """Yield the tokens, other characters than those of ASCII as text."""
        for index, kind, value in super().get_tokens_unprocessed(text, stack):
            yield index, Text if kind is Error and not value.isascii() else kind, value


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register what this module has."""
    app.connect("source-read", add_navigation)
    app.connect("missing-reference", show_folder)
    app.add_lexer("jsx", JsxTextLexer)
    app.add_lexer("mermaid", TextLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def show_folder(
    app: Sphinx, environment: BuildEnvironment, node: pending_xref, content: Element
) -> Element | None:
    """Return the text of a link to a folder: a code host lists its files, the site has no page for it."""
    page = environment.doc2path(node["refdoc"])
    return content if (Path(page).parent / node["reftarget"]).is_dir() else None


def add_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Append the navigation to the index: one hidden toctree for each of its sections, with the pages it links to."""
    if name == INDEX:
        source[0] += "".join(map(_toctree, source[0].split("\n## ")[1:]))


def _toctree(section: str) -> str:
    heading = section.partition("\n")[0]
    pages = [normpath(PurePosixPath(INDEX).parent / link) for link in LINK.findall(section)]
    entries = "\n".join(f"/{page.removesuffix('.md')}" for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```\n"
