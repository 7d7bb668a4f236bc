"""Measure of the import graph and of sizes: `python -m tests.architecture [--revision REV]`.

A package is a name directly below `gateway` (a module there is a package of one), or `transports`. All imports count,
also those for type checking and those inside functions.
"""

import argparse
import ast
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).parents[1]
ROOT_PACKAGES: Final = ("gateway", "transports")
LONGEST_COUNT: Final = 10

Imports = Mapping[str, Set[str]]
"""The modules that each module imports, or the packages that each package imports."""


@dataclass(frozen=True, order=True)
class Size:
    """Number of lines of a module, a class or a function."""

    lines: int
    name: str


@dataclass(frozen=True)
class Sizes:
    """Sizes of everything, the longest first."""

    modules: Sequence[Size]
    classes: Sequence[Size]
    functions: Sequence[Size]


def module_imports() -> Imports:
    """Return the imports between our modules, as found on `sys.path`."""
    graph = grimp.build_graph(*ROOT_PACKAGES, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def package_of(module: str) -> str:
    """Return the package of a module."""
    root, *names = module.split(".")
    return ".".join([root, *names[:1]]) if root == "gateway" else root


def package_imports(modules: Imports) -> Imports:
    """Return the imports between packages."""
    packages: dict[str, set[str]] = {package_of(module): set() for module in modules}
    for module, imported in modules.items():
        packages[package_of(module)].update(map(package_of, imported))
    return {package: imported - {package} for package, imported in packages.items()}


def edges(imports: Imports) -> list[tuple[str, str]]:
    """Return the pairs of importer and imported."""
    return [(importer, imported) for importer in sorted(imports) for imported in sorted(imports[importer])]


def cycles(imports: Imports) -> list[list[str]]:
    """Return the groups of names that import one another, directly or through others."""
    found = {frozenset(_component(imports, name)) for name in imports}
    return sorted(sorted(component) for component in found if len(component) > 1)


def layer_count(imports: Imports) -> int:
    """Return the number of names on the longest chain of imports; those of a cycle count as one."""
    component_of = {name: frozenset(_component(imports, name)) for name in imports}

    @cache
    def height(component: frozenset[str]) -> int:
        below = {component_of[imported] for name in component for imported in imports[name]} - {component}
        return 1 + max(map(height, below), default=0)

    return max(map(height, component_of.values()), default=0)


def importers_of_transports(modules: Imports) -> list[str]:
    """Return the modules of `gateway` that import `transports`."""
    return sorted(
        module
        for module, imported in modules.items()
        if package_of(module) != "transports" and "transports" in map(package_of, imported)
    )


def sizes(root: Path) -> Sizes:
    """Return the sizes of everything in the packages below a folder."""
    modules: list[Size] = []
    classes: list[Size] = []
    functions: list[Size] = []
    for package in ROOT_PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            source = file.read_text("utf-8")
            module = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            modules.append(Size(len(source.splitlines()), module))
            for node, size in _definitions(ast.parse(source), module):
                (classes if isinstance(node, ast.ClassDef) else functions).append(size)
    return Sizes(*(sorted(found, key=lambda size: (-size.lines, size.name)) for found in (modules, classes, functions)))


def report(modules: Imports, found: Sizes) -> str:
    """Return what the command prints."""
    packages = package_imports(modules)
    circular, importers = cycles(packages), importers_of_transports(modules)
    lines = [
        f"{len(modules)} modules in {len(packages)} packages on {layer_count(packages)} layers",
        f"{len(edges(packages))} edges between packages",
        f"{len(circular)} cycles" + "".join(f"; {' <-> '.join(component)}" for component in circular),
        f"{len(importers)} modules of gateway import transports: {', '.join(importers)}",
    ]
    for title, longest in (("Modules", found.modules), ("Classes", found.classes), ("Functions", found.functions)):
        lines += ["", f"{title}, by lines:", *(f"{size.lines:5} {size.name}" for size in longest[:LONGEST_COUNT])]
    return "\n".join(lines)


def export(revision: str, folder: Path, repository: Path = ROOT) -> None:
    """Write the packages of a git revision into a folder.

    Raises:
        subprocess.CalledProcessError: git does not know the revision.
    """
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, *ROOT_PACKAGES], cwd=repository, capture_output=True, check=True
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def measure_elsewhere(folder: Path) -> str:
    """Return the report of the packages below a folder, by a process that has imported none of this tree's."""
    command = [sys.executable, __file__, "--root", str(folder)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _component(imports: Imports, name: str) -> Iterator[str]:
    """Yield the names of the cycles that a name is part of, and the name itself."""
    yield name
    yield from (other for other in _reachable(imports, name) - {name} if name in _reachable(imports, other))


def _reachable(imports: Imports, name: str) -> set[str]:
    found: set[str] = set()
    unvisited = [name]
    while unvisited:
        new = imports[unvisited.pop()] - found
        found |= new
        unvisited.extend(new)
    return found


def _definitions(node: ast.AST, prefix: str) -> Iterator[tuple[ast.AST, Size]]:
    """Yield the classes and functions inside a node, with their dotted names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{prefix}.{child.name}"
            yield child, Size((child.end_lineno or child.lineno) - child.lineno + 1, name)
            yield from _definitions(child, name)
        elif not isinstance(child, ast.expr):
            yield from _definitions(child, prefix)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report; with a revision, of that revision."""
    parser = argparse.ArgumentParser(prog="python -m tests.architecture", description=__doc__)
    parser.add_argument("--revision", help="measure this git revision instead of the working tree")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.revision is None:
        # Before the installed packages, which may be those of another folder.
        sys.path.insert(0, str(chosen.root))
        print(report(module_imports(), sizes(chosen.root)))
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            export(chosen.revision, Path(folder))
        except subprocess.CalledProcessError as error:
            parser.error(error.stderr.decode().strip())
        print(measure_elsewhere(Path(folder)), end="")


if __name__ == "__main__":
    main()
