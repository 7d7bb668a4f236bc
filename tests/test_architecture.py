"""Packages import in one direction, and the measure of it is right."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import (
    Imports,
    Size,
    cycles,
    edges,
    export,
    importers_of_transports,
    layer_count,
    package_imports,
)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def modules() -> Imports:
    return architecture.module_imports()


def test_no_packages_import_one_another(modules: Imports) -> None:
    assert cycles(package_imports(modules)) == []


def test_only_the_application_factory_imports_the_transports(modules: Imports) -> None:
    assert importers_of_transports(modules) == ["gateway.app.factory"]


def test_every_package_has_its_layer(modules: Imports) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract.get("containers") == ["gateway"]]
    listed = [f"gateway.{name}" for layer in contract["layers"] for name in layer.split(" | ")]
    assert sorted(listed) == sorted(package_imports(modules).keys() - {"gateway", "transports"})
    assert contract["exhaustive"] is True


def test_the_source_is_measured(modules: Imports) -> None:
    found = architecture.sizes(ROOT)
    # What is imported as `dualstream` is in no package.
    top_level = {"gateway.client.top_level.dualstream"}
    assert {size.name for size in found.modules} == modules.keys() | top_level
    assert {"gateway.pipeline.hub.Hub", "transports.viewer.Viewer"} <= {size.name for size in found.classes}
    assert "gateway.app.factory.create_app" in {size.name for size in found.functions}


GRAPH: Imports = {
    "gateway": set(),
    "gateway.a": {"gateway.b.x"},
    "gateway.b": set(),
    "gateway.b.x": {"gateway.c", "gateway.b"},
    "gateway.c": {"gateway.b", "gateway.d"},
    "gateway.d": set(),
    "transports": {"gateway.a"},
    "transports.sse": {"transports"},
}


def test_a_cycle_is_found_and_is_one_layer() -> None:
    packages = package_imports(GRAPH)
    assert packages.keys() == {"gateway", "gateway.a", "gateway.b", "gateway.c", "gateway.d", "transports"}
    assert cycles(packages) == [["gateway.b", "gateway.c"]]
    assert layer_count(packages) == 4
    assert len(edges(packages)) == 5


def test_an_import_of_transports_is_found() -> None:
    assert importers_of_transports({**GRAPH, "gateway.d": {"transports.sse"}}) == ["gateway.d"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit, and a later change in its working tree."""
    files = {
        "gateway/__init__.py": "",
        "gateway/a/__init__.py": "",
        "gateway/a/b.py": "class A:\n    async def f(self):\n\n        def g(): pass\n",
        "transports/__init__.py": "import gateway.a.b\n",
    }
    for name, source in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message=a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "transports" / "__init__.py").write_text("")
    return tmp_path


def test_a_revision_is_measured(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("exported")
    export("HEAD", folder, repository)
    assert (folder / "transports" / "__init__.py").read_text() == "import gateway.a.b\n"
    found = architecture.sizes(folder)
    assert found.modules[:2] == [Size(4, "gateway.a.b"), Size(1, "transports")]
    assert found.classes == [Size(4, "gateway.a.b.A")]
    assert found.functions == [Size(3, "gateway.a.b.A.f"), Size(1, "gateway.a.b.A.f.g")]
    printed = architecture.measure_elsewhere(folder)
    assert printed.startswith("4 modules in 3 packages on 2 layers\n1 edges between packages\n0 cycles\n")


def test_an_unknown_revision_is_an_error(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        export("nowhere", tmp_path, repository)
