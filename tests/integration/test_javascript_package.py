"""The npm package of the client: what it contains, and that it works where it is installed: Node, pages, bundlers."""

import json
import re
import tarfile
import time
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from selenium.webdriver import Chrome

from gateway.security.jwt_tokens import LEEWAY_SECONDS
from tests.integration import processes
from tests.integration.browser import read_json
from tests.integration.javascript.project import PACKAGE, PAGE, Project, run, serve
from tests.integration.npm import node22, npm_set
from tests.integration.processes import CHECKOUT, Server, program
from tests.integration.test_processes import command

TRANSPORTS: Final = ("sse", "fetch", "websocket", "poll")
HAS_WEB_SOCKET: Final = "console.log(typeof WebSocket)"
WITHOUT_WEB_SOCKET: Final = (
    "DualstreamError unsupported: This version of Node has no WebSocket: run `npm install ws`, use Node 22, "
    "or pass a class as environment.WebSocket."
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Project:
    project = Project(tmp_path_factory.mktemp("project"), archive)
    project.copy("client.mjs")
    return project


def test_the_package_contains_the_client_and_nothing_else(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        names = {name.removeprefix("package/") for name in packed.getnames()}
    modules = {file.name for file in PACKAGE.glob("*.js")}
    declarations = {f"types/{file.name}" for file in PACKAGE.glob("types/*.d.ts")}
    assert names == modules | declarations | {"package.json", "README.md", "LICENSE"}
    assert archive.stat().st_size < 60_000


def test_its_version_and_licence_are_those_of_the_gateway() -> None:
    gateway = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    package = json.loads((PACKAGE / "package.json").read_text("utf-8"))
    assert (package["version"], package["license"]) == (gateway["version"], gateway["license"])
    assert (PACKAGE / "LICENSE").read_bytes() == (CHECKOUT / "LICENSE").read_bytes()
    assert "dependencies" not in package


def test_every_file_that_the_package_names_exists() -> None:
    package = json.loads((PACKAGE / "package.json").read_text("utf-8"))
    named = re.findall(r'"(\./[^"]+)"', json.dumps(list(package["exports"].values())))
    assert len(named) > 5
    assert [name for name in named if not (PACKAGE / name).exists()] == []
    imported = {
        (module.parent / name).resolve()
        for module in PACKAGE.glob("*.js")
        for name in re.findall(r'^(?:import|export) .*?from "(\.[^"]+)"', module.read_text("utf-8"), re.MULTILINE)
    }
    assert [file for file in imported if not file.exists()] == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("version", ["installed", "22"])
def test_it_works_in_node(project: Project, gateway: Server, version: str, transport: str) -> None:
    node = node22() if version == "22" else program("node", "nodejs")
    with ExitStack() as stack:
        if (
            transport == "websocket"
            and version == "installed"
            and "function" not in project.node(node, "-e", HAS_WEB_SOCKET)
        ):
            assert _read(project, node, gateway.url, transport)["error"] == WITHOUT_WEB_SOCKET
            link = project.folder / "node_modules" / "ws"
            link.symlink_to(npm_set("event_sources").file("ws"))
            stack.callback(link.unlink)
        _check(_read(project, node, gateway.url, transport), gateway)


def test_node_without_a_web_socket_says_what_to_install(project: Project, gateway: Server) -> None:
    results = _read(project, node22(), gateway.url, "websocket", flags=("--no-experimental-websocket",))
    assert results == {"error": WITHOUT_WEB_SOCKET}


def test_a_refused_token_is_asked_for_again(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    key = command("keys", "create", "alice", "--file", str(file)).stdout.strip()
    with processes.gateway(keys_file=file) as server:
        for transport in TRANSPORTS:
            results = _read(project, node22(), server.url, transport, key)
            assert results["asked"] == 2
            states = [results[name]["state"] for name in ("started", "resumed", "interrupted")]
            assert states == ["complete", "complete", "interrupted"]


def test_a_command_gets_a_new_token_when_that_of_its_socket_has_expired(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "a secret of the issuer, 32 bytes or more"
    monkeypatch.setenv("ISSUER_SECRET", secret)
    config = tmp_path / "dualstream.toml"
    config.write_text(
        '[models."sim?ttft=0&speed=100&length=100000"]\nprovider = "simulator"\n\n'
        '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "ISSUER_SECRET"\n'
    )
    project.copy("expiring.mjs")
    with processes.gateway("--config", str(config)) as server:
        # The first one is valid for three more seconds.
        expires = (time.time() - LEEWAY_SECONDS + 3, time.time() + 600)
        tokens = [jwt.encode({"sub": "alice", "exp": int(exp)}, secret, "HS256") for exp in expires]
        printed = project.node(node22(), "expiring.mjs", server.url, *tokens)
    assert json.loads(printed) == ["interrupted", "client", 2]


def test_it_works_in_pages_that_are_bundled(driver: Chrome, project: Project) -> None:
    """The pages are of another origin, which the gateway must allow; they are bundled by esbuild and by Vite."""
    project.link("bundling")
    project.link("vite")
    project.copy("page.ts")
    project.write("index.html", PAGE.replace("page.js", "/page.ts"))
    done = run([node22(), str(npm_set("vite").file("vite/bin/vite.js")), "build", "--logLevel", "warn"], project.folder)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    sites = [project.bundle("page.ts"), project.folder / "dist"]
    with ExitStack() as stack:
        origins = [stack.enter_context(serve(site)) for site in sites]
        server = stack.enter_context(processes.gateway(allowed_origins=",".join(origins)))
        driver.set_script_timeout(40)
        for origin in origins:
            driver.get(origin)
            for transport in TRANSPORTS:
                script = "const [url, transport, done] = arguments; read(url, transport).then(done);"
                identifier, text, state = driver.execute_async_script(script, server.url, transport)
                assert (text, state) == (read_json(f"{server.url}/api/generations/{identifier}")["text"], "complete")
            assert driver.execute_script("return document.querySelector('main').textContent") == text
            assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_bundles_have_only_what_they_use(project: Project) -> None:
    project.link("bundling")
    project.copy("page.ts")
    page = (project.bundle("page.ts", "--minify") / "page.js").read_text("utf-8")
    assert "sessionStorage" not in page  # conversations, which this page does not have
    assert "react" not in page
    assert len(page) < 33_000


def _read(project: Project, node: str, *arguments: str, flags: tuple[str, ...] = ()) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(project.node(node, *flags, "client.mjs", *arguments))
    return found


def _check(results: Mapping[str, Any], gateway: Server) -> None:
    assert "error" not in results, results["error"]
    for name, state in {"started": "complete", "resumed": "complete", "interrupted": "interrupted"}.items():
        snapshot = read_json(f"{gateway.url}/api/generations/{results[name]['id']}")
        expected = {"id": snapshot["id"], "text": snapshot["text"], "state": state, "position": snapshot["position"]}
        assert results[name] == expected
        assert snapshot["state"] == state
