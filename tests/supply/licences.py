"""Licences of the runtime packages, from their metadata, and which are compatible with Apache-2.0."""

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder

from packaging.utils import canonicalize_name

PERMISSIVE = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Python-2.0", "Unlicense",
    "Zlib",
})  # fmt: skip
"""SPDX identifiers of licences that only require their own text and notices to be kept."""

ACCEPTED: Mapping[str, frozenset[str]] = {"orjson": frozenset({"MPL-2.0"})}
"""Other licences that are accepted for one package; docs/operations/supply-chain.md gives the reason for each."""

# SPDX identifiers of licences that older packages name in words.
SPDX_OF_NAME = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# From the licence text in the package, where the metadata is less exact: which of the BSD licences, or a choice of two.
FROM_TEXT = {
    "async-timeout": "Apache-2.0",  # not installed where these tests run: only Python before 3.11.3 needs it
    "prompt-toolkit": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
}

HEAD = "| package | licence |\n|---|---|\n"


def read_all(names: Iterable[str], folder: str) -> dict[str, str]:
    """Return the SPDX expression of each package, installed in `folder`."""
    context = DistributionFinder.Context(path=[folder])
    installed = {canonicalize_name(package.name): package for package in MetadataPathFinder.find_distributions(context)}
    return {name: FROM_TEXT.get(name) or read_licence(installed[canonicalize_name(name)]) for name in names}


def read_licence(package: Distribution) -> str:
    """Read a package's licence from its metadata: the expression (PEP 639), else the field, else the classifiers."""
    metadata = package.metadata
    if "License-Expression" in metadata:
        return str(metadata["License-Expression"])
    # Some packages have the complete licence text in this field: only a short value is a name.
    name = str((metadata.get_all("License") or [""])[0])
    if name and len(name) < 40:
        return SPDX_OF_NAME.get(name, name)
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ")]
    names = [line.rpartition(" :: ")[2] for line in classifiers]
    return " AND ".join(SPDX_OF_NAME.get(name, name) for name in names) or "unknown"


def not_accepted(name: str, expression: str) -> set[str]:
    """Return the licences of an expression that are not accepted. Every one must be, even those joined with OR."""
    identifiers = set(re.findall(r"[^\s()]+", expression)) - {"AND", "OR"}
    return identifiers - PERMISSIVE - ACCEPTED.get(name, frozenset())


def table(licences: Mapping[str, str]) -> str:
    """Build the page's table."""
    return HEAD + "".join(f"| {name} | {expression} |\n" for name, expression in sorted(licences.items()))


def from_page(page: str) -> dict[str, str]:
    """Parse the table of the page."""
    rows = _rows(page).removeprefix(HEAD).splitlines()
    return {name: expression for name, _, expression in (row.strip("| ").partition(" | ") for row in rows)}


def with_table(page: str, table: str) -> str:
    """Return the page with its table replaced."""
    return page.replace(_rows(page), table)


def _rows(page: str) -> str:
    (rows,) = re.findall(rf"^{re.escape(HEAD)}(?:\|.*\n)*", page, re.MULTILINE)
    return str(rows)
