"""Words that the project has retired; `python -m tests.vocabulary [PATH …]` lists where they still stand.

Standard mechanisms have standard names (docs/reference/glossary.md). This module keeps the private ones from coming
back: in identifiers, in docstrings and comments, in messages and in the documentation.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]

IDENTIFIERS: Final = frozenset(
    [
        "Gate",
        "Door",
        "KeyDoor",
        "TokenDoor",
        "Round",
        "Calling",
        "Bounds",
        "Joint",
        "Viewing",
        "Outlet",
        "Guard",
        "Counted",
        "Known",
        "Asked",
        "Reading",
        "Keeping",
        "Pace",
        "Halves",
        "TextPattern",
        "NotSpelled",
        "Cause",
        "Meaning",
        "MEANING",
        "DIED",
        "OF_THE_REQUEST",
        "Models",
        "Catalogue",
        "Reloading",
        "Outgoing",
        "OwnLimits",
        "Told",
        "Counts",
        "Flag",
        "Mailbox",
        "Flow",
        "Contained",
        "Roads",
        "Posts",
        "CutError",
        "Patience",
        "Trouble",
        "Talk",
        "Meant",
        "Mistake",
        "Spending",
        "Capabilities",
        "anybody",
        "reads_on",
        "tells_the_page",
        "is_plain",
        "lent",
        "serve_on",
        "SERVING",
        "dialling",
        "hang_up",
        "plain_words",
        "one_word",
        "misfits",
        "crowd",
        "run_of",
        "apart",
        "resting_until",
        "waited",
        "left_to",
        "cut_off",
        "spell",
        "spelled",
        "told",
        "is_open",
        "recognise",
        "until_over",
        "beat",
        "unlisten",
        "_deserted",
        "_touch",
        "_look",
        "_look_in",
        "_patience",
        "_outlet",
        "_gate",
        "_doors",
        "_lent",
        "_tell",
        "_say",
        "_spell",
    ]
)
"""Names of classes, functions and variables that were replaced (whole identifiers)."""

PROSE: Final = re.compile(
    r"\b(gates?|doors?|guards?|told|spell(?:s|ed|ing|t)?|anew|beforehand|outlets?|roads?|crowds?|lent|lends?|twins?"
    r"|household|hang(?:s|ing)? up|dialling|gone on|go(?:es|ing)? on with|anybody|everybody|somebody|nobody"
    r"|whoever|whatever|heed(?:s|ed)?|one's own|well-kept|by itself alone|as one that|of late)\b",
    re.IGNORECASE,
)
"""Words of prose for which the field has a better one, or plain English has."""

VERBS: Final = re.compile(
    r"(Give|Tell|Say|Have|Make|Spell|Let|Look|Take|Be|Ask|Put|Learn|Know|Want|As|What|Who|How|Where|Whether|Have)\b"
)
"""Words with which no docstring of a function begins: it begins with a precise verb (Return, Raise, Build, Send)."""

LEFT_OUT: Final = ("gateway/simulator/texts/", "docs/openapi.json", "tests/vocabulary.py")
"""Sample texts, generated files, and this list."""

SOURCE: Final = (
    "gateway",
    "transports",
    "static",
    "deploy",
    "docs",
    "README.md",
    "CONTRIBUTING.md",
    "Makefile",
    "pyproject.toml",
)
"""Where prose is looked at; in tests, identifiers alone."""


class Finding(NamedTuple):
    """A retired word and its place."""

    path: str
    line: int
    word: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word}"


def findings(paths: Sequence[str] = ()) -> Iterator[Finding]:
    """Find the retired words in the files that git tracks, or in those below `paths`."""
    listed = subprocess.run(
        ["git", "ls-files", "--", *(paths or (*SOURCE, "tests"))], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for path in listed.stdout.splitlines():
        if path.startswith(LEFT_OUT) or not (ROOT / path).is_file():
            continue
        if path.endswith(".py"):
            yield from _in_python(path)
        elif path.endswith((".md", ".js", ".html", ".conf", ".toml")) or path == "Makefile":
            yield from _in_text(path)


def _in_python(path: str) -> Iterator[Finding]:
    text = (ROOT / path).read_text("utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and token.string in IDENTIFIERS:
            yield Finding(path, token.start[0], token.string)
        elif not path.startswith("tests/") and token.type in {tokenize.STRING, tokenize.COMMENT}:
            yield from (
                Finding(path, token.start[0] + token.string.count("\n", 0, found.start()), found[0])
                for found in PROSE.finditer(token.string)
            )
    if not path.startswith("tests/"):
        yield from _docstrings(path, ast.parse(text))


def _docstrings(path: str, module: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = VERBS.match(ast.get_docstring(node) or "")
            if found is not None:
                yield Finding(path, node.lineno, f"docstring of {node.name} begins with {found[0]}")


def _in_text(path: str) -> Iterator[Finding]:
    for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1):
        yield from (Finding(path, number, found[0]) for found in PROSE.finditer(line))


if __name__ == "__main__":
    found = list(findings(sys.argv[1:]))
    print(*found, f"{len(found)} retired words", sep="\n")
    sys.exit(bool(found))
