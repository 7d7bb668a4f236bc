"""A fresh project that has installed the packed client, beside packages of the sets in tests/integration/npm."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Final

from tests.integration.npm import NPM_OPTIONS, npm_set
from tests.integration.processes import CHECKOUT, program
from tests.integration.servers import http_server

PACKAGE: Final = CHECKOUT / "static" / "dualstream"
SOURCES: Final = Path(__file__).parent / "sources"
"""Modules that use the package."""
SECONDS: Final = 100.0
STRICT: Final = (
    *(
        "--strict",
        "--noEmit",
        "--exactOptionalPropertyTypes",
        "--noUncheckedIndexedAccess",
        "--noPropertyAccessFromIndexSignature",
    ),
    *("--target", "es2024", "--lib", "es2024,dom,dom.iterable", "--jsx", "react-jsx", "--types", ""),
)


def pack(folder: Path) -> Path:
    """Pack the client into a folder, as `npm publish` does; return the archive."""
    run([program("npm"), "pack", "--silent", "--pack-destination", str(folder), str(PACKAGE)], CHECKOUT)
    (archive,) = folder.glob("dualstream-*.tgz")
    return archive


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command; return what it printed, whatever its exit status."""
    return subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


class Project:
    """A project with the client in its `node_modules`."""

    def __init__(self, folder: Path, archive: Path) -> None:
        self.folder = folder
        self.write("package.json", '{"private": true, "type": "module"}')
        # Offline: an optional peer dependency is not fetched. Its own cache: nothing of an earlier version is taken.
        options = [*NPM_OPTIONS, "--offline", "--ignore-scripts", "--cache", str(folder / "cache")]
        done = run([program("npm"), "install", *options, str(archive)], folder)
        assert done.returncode == 0, done.stdout + done.stderr

    def write(self, name: str, text: str) -> Path:
        """Write a file; return its path."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def copy(self, name: str) -> Path:
        """Copy one of the modules that use the package into the project; return its path."""
        return Path(shutil.copy(SOURCES / name, self.folder))

    def link(self, name: str) -> None:
        """Add the packages of a set."""
        modules = self.folder / "node_modules"
        for package in npm_set(name).node_modules.iterdir():
            scoped = sorted(package.iterdir()) if package.name.startswith("@") else [package]
            for found in scoped:
                link = modules / found.relative_to(package.parent)
                link.parent.mkdir(exist_ok=True)
                if not link.exists():
                    link.symlink_to(found)

    def node(self, node: str, *arguments: str) -> str:
        """Run Node in the project; return what it prints."""
        done = run([node, *arguments], self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def compile(self, *files: str, resolution: str = "bundler") -> list[str]:
        """Check the types of files in strict mode; return the errors."""
        module = "esnext" if resolution == "bundler" else resolution
        options = [*STRICT, "--module", module, "--moduleResolution", resolution, "--pretty", "false"]
        return run([npm_set("bundling").binary("tsc"), *options, *files], self.folder).stdout.splitlines()

    def bundle(self, entry: str, *options: str) -> Path:
        """Bundle a module with esbuild for a page; return the folder of the page."""
        name = Path(entry).stem
        site = self.folder / f"site-{name}"
        command = [npm_set("bundling").binary("esbuild"), entry, "--bundle", "--format=esm", "--log-level=warning"]
        done = run([*command, "--jsx=automatic", f"--outfile={site}/page.js", *options], self.folder)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        (site / "index.html").write_text(PAGE, "utf-8")
        return site


PAGE: Final = """<!doctype html>
<meta charset="utf-8">
<title>A page</title>
<link rel="icon" href="data:,">
<main></main>
<script type="module" src="page.js"></script>
"""


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", "": "text/plain"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; yield the origin."""
    with http_server(partial(_Files, directory=str(folder))) as origin:  # type: ignore[arg-type]
        yield origin
