"""What the site needs beyond plain Markdown: navigation, diagrams, labels in tables, and what becomes of links."""

import hashlib
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path, PurePosixPath
from posixpath import normpath

from docutils import nodes
from pygments.lexers import JsxLexer, TextLexer
from pygments.token import Error, Text, _TokenType
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

INDEX = "docs/index"
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+\.md)\)")
PROSE = 40
"""Characters of a cell from which on its table is shown as a list on a narrow screen."""
WIDE = 5
"""Columns from which on a table has small text."""

_log = logging.getLogger(__name__)


class JsxTextLexer(JsxLexer):
    """JSX whose text may have any character: Pygments reports one such as `…` as an error."""

    def get_tokens_unprocessed(
        self, text: str, stack: tuple[str, ...] = ("root",)
    ) -> Iterator[tuple[int, _TokenType, str]]:
        """Yield the tokens, other characters than those of ASCII as text."""
        for index, kind, value in super().get_tokens_unprocessed(text, stack):
            yield index, Text if kind is Error and not value.isascii() else kind, value


class DrawnDiagrams(SphinxTransform):
    """Shows the drawing of each Mermaid diagram (`make diagrams`), and its source as the text of it."""

    default_priority = 400

    def apply(self, **_: object) -> None:
        """Replace the sources in the document."""
        for source in [*self.document.findall(nodes.literal_block)]:
            if source.get("language") == "mermaid":
                name = f"{hashlib.sha256(source.astext().strip().encode()).hexdigest()[:12]}.svg"
                image = nodes.image(
                    uri=f"/docs/images/diagrams/{name}", alt="Diagram; its text follows.", classes=["diagram"]
                )
                begin = nodes.raw("", "<details><summary>Diagram as text</summary>", format="html")
                source.replace_self([image, begin, source.deepcopy(), nodes.raw("", "</details>", format="html")])


class Translator(HTML5Translator):
    """Writes the label of a cell, which a narrow screen shows before it, and where a long name may be broken."""

    def visit_entry(self, node: nodes.entry) -> None:
        """Begin a cell."""
        super().visit_entry(node)
        if label := node.get("label"):
            self.body[-1] = self.body[-1].replace("<td", f'<td data-label="{escape(label)}"', 1)

    def visit_Text(self, node: nodes.Text) -> None:  # noqa: N802 - the name of the node
        """Write a text."""
        start = len(self.body)
        super().visit_Text(node)
        if isinstance(node.parent, nodes.literal):
            self.body[start:] = [part.replace("_", "_<wbr>") for part in self.body[start:]]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register what this module has."""
    app.connect("source-read", add_navigation)
    app.connect("doctree-read", replace_links_to_folders)
    app.connect("doctree-resolved", label_cells)
    # After the theme, which makes the tree.
    app.connect("html-page-context", add_heading_levels, priority=900)
    app.connect("build-finished", list_external_links)
    app.set_translator("html", Translator)
    app.add_lexer("jsx", JsxTextLexer)
    app.add_lexer("mermaid", TextLexer)
    app.add_transform(DrawnDiagrams)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Append the navigation to the index: one hidden toctree for each of its sections, with the pages it links to."""
    if name == INDEX:
        source[0] += "".join(map(_toctree, source[0].split("\n## ")[1:]))


def _toctree(section: str) -> str:
    heading = section.partition("\n")[0]
    pages = [(text, normpath(PurePosixPath(INDEX).parent / link)) for text, link in LINK.findall(section)]
    entries = "\n".join(f"{text} </{page.removesuffix('.md')}>" for text, page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```\n"


def replace_links_to_folders(app: Sphinx, tree: nodes.document) -> None:
    """Replace a link to a folder by its text: a code host lists the files, the site has no page for it."""
    folder = Path(tree["source"]).parent
    for link in [*tree.findall(pending_xref)]:
        if link["reftype"] == "myst" and (folder / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def label_cells(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Label each cell of a table with the heading of its column, and mark tables of sentences, and wide ones."""
    for table in tree.findall(nodes.table):
        heads = [entry.astext() for row in table.findall(nodes.thead) for entry in row.findall(nodes.entry)]
        cells = [[*row.findall(nodes.entry)] for body in table.findall(nodes.tbody) for row in body.findall(nodes.row)]
        for row in cells:
            for entry, label in zip(row[1:], heads[1:] if len(heads) > 2 else (), strict=False):
                entry["label"] = label
        if any(len(entry.astext()) > PROSE for row in cells for entry in row):
            table["classes"].append("prose")
        if len(heads) >= WIDE:
            table["classes"].append("wide")


def add_heading_levels(app: Sphinx, page: str, template: str, context: dict[str, object], tree: object) -> None:
    """Complete the headings of the navigation: WAI-ARIA requires a level, which Sphinx does not write."""
    navigation = str(context.get("furo_navigation_tree", ""))
    context["furo_navigation_tree"] = navigation.replace('role="heading"', 'role="heading" aria-level="2"')


def list_external_links(app: Sphinx, failure: Exception | None) -> None:
    """Write the external links beside the site: they are not checked, because a build must not need the network."""
    if failure is not None or app.builder.name != "html":
        return
    links = sorted(
        {
            node["refuri"]
            for name in app.env.found_docs
            for node in app.env.get_doctree(name).findall(nodes.reference)
            if node.get("refuri", "").startswith("http")
        }
    )
    file = Path(app.outdir).parent / "external-links.txt"
    file.write_text("".join(f"{link}\n" for link in links), "utf-8")
    _log.info("%d external links, not checked: %s", len(links), file)
