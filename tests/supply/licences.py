"""The licences of what we run on, as each package tells its own, and which of them go with Apache-2.0."""

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder

from packaging.utils import canonicalize_name

PERMISSIVE = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Python-2.0", "Unlicense",
    "Zlib",
})  # fmt: skip
"""Those that ask for nothing but their own text and notices, by their SPDX names."""

ADMITTED: Mapping[str, frozenset[str]] = {"orjson": frozenset({"MPL-2.0"})}
"""Further ones, package by package: docs/supply-chain.md gives the reason for each."""

# Older packages name their licence in words.
WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# What the licence's text in the package says, where its metadata says less: which of the BSD licences, and that one
# of two may be chosen.
READ = {"prompt-toolkit": "BSD-3-Clause", "uvloop": "MIT OR Apache-2.0"}

HEAD = "| package | licence |\n|---|---|\n"


def found(names: Iterable[str], folder: str) -> dict[str, str]:
    """Give the licence of each of these packages, installed in that folder, as an SPDX expression."""
    context = DistributionFinder.Context(path=[folder])
    installed = {canonicalize_name(one.name): one for one in MetadataPathFinder.find_distributions(context)}
    return {name: READ.get(name) or licence(installed[canonicalize_name(name)]) for name in names}


def licence(package: Distribution) -> str:
    """Read a package's licence from its metadata: the expression (PEP 639), else the field, else classifiers."""
    about = package.metadata
    if "License-Expression" in about:
        return str(about["License-Expression"])
    # Some have the whole text in that field.
    short = str((about.get_all("License") or [""])[0])
    if short and len(short) < 40:
        return WORDS.get(short, short)
    classified = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if one.startswith("License ")]
    return " AND ".join(WORDS.get(one, one) for one in classified) or "unknown"


def unfit(name: str, expression: str) -> set[str]:
    """Give those of a package's licences that are not admitted. Each has to be, even where one may choose."""
    named = set(re.findall(r"[^\s()]+", expression)) - {"AND", "OR"}
    return named - PERMISSIVE - ADMITTED.get(name, frozenset())


def table(licences: Mapping[str, str]) -> str:
    """Make the page's table."""
    return HEAD + "".join(f"| {name} | {expression} |\n" for name, expression in sorted(licences.items()))


def from_page(page: str) -> dict[str, str]:
    """Read the table back."""
    rows = _rows(page).removeprefix(HEAD).splitlines()
    return {name: expression for name, _, expression in (row.strip("| ").partition(" | ") for row in rows)}


def with_table(page: str, table: str) -> str:
    """Put a new table in the place of the old one."""
    return page.replace(_rows(page), table)


def _rows(page: str) -> str:
    (rows,) = re.findall(rf"^{re.escape(HEAD)}(?:\|.*\n)*", page, re.MULTILINE)
    return str(rows)
