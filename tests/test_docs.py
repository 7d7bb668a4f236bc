"""The documentation covers every setting, event, code and package, and what it names exists."""

import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import get_args

import pytest
from starlette.routing import Route, WebSocketRoute

from gateway.app.factory import create_app
from gateway.cli.main import SUBCOMMANDS
from gateway.config import Settings, load
from gateway.config.docs_tables import FILE_TABLES, host_table, keys_table, preset_table, settings_table
from gateway.config.settings import PLAIN_SETTINGS, variable_name
from gateway.protocol.commands import COMMANDS, Options
from gateway.protocol.errors import CODES
from gateway.protocol.events import Event
from gateway.security.key_file import KeyTable, read_keys
from gateway.simulator.settings import PROFILES, Fault, SimulatorSettings
from gateway.simulator.texts import Language
from gateway.telemetry.metrics.names import METRICS
from tests.integration import diagrams
from tests.integration.clients.page import beginning
from tests.integration.clients.table import DRIVERS, PROVIDER_APIS, UI_DRIVERS
from tests.reference import FOLDER, PAGES
from tests.reference.events import SAMPLES

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_every_setting_is_documented() -> None:
    page = read("docs/reference/configuration.md")
    assert settings_table() in page
    for name, kind in FILE_TABLES.items():
        assert f"`{name}`:\n\n{keys_table(kind)}\n" in page


def test_every_field_of_a_key_is_documented(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", read("docs/security.md"), re.DOTALL)
    (example,) = [block for block in blocks if "hash" in block]
    file = tmp_path / "keys.toml"
    file.write_text(example.replace("…", "0" * 64), "utf-8")
    assert [key.name for key in read_keys(file)] == ["alice"]
    assert tomllib.loads(example)["keys"]["alice"].keys() == KeyTable.model_fields.keys()


def test_every_preset_is_documented() -> None:
    assert preset_table() in read("docs/reference/providers.md")
    assert host_table() in read("docs/reference/providers.md")


@pytest.mark.parametrize(
    "page", ["docs/reference/configuration.md", "docs/reference/chat-uis.md", "docs/guides/your-providers.md"]
)
def test_the_configuration_examples_load(tmp_path: Path, page: str) -> None:
    examples = re.findall(r"```toml\n(.*?)```", read(page), re.DOTALL)
    assert examples
    for example in examples:
        (tmp_path / "dualstream.toml").write_text(example)
        keys = {"OPENAI_API_KEY": "k", "DEEPSEEK_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
        assert "chat" in load({}, keys, tmp_path / "dualstream.toml").models


def test_every_event_command_option_and_code_is_documented() -> None:
    protocol = read("docs/reference/protocol.md")
    for event in get_args(Event):
        assert f"| `{event.type}` |" in protocol
    for command in COMMANDS:
        assert f"| `{command}` |" in protocol
    for option in Options.model_fields:
        assert f"`{option}`" in protocol
    for code, info in CODES.items():
        row = f"| `{code}` | {info.status} | {info.close_code} | {'yes' if info.retryable else 'no'} |"
        assert row in protocol


def test_every_code_says_what_to_do() -> None:
    page = read("docs/reference/codes.md")
    for code, info in CODES.items():
        line = f"HTTP {info.status} · close {info.close_code} · retry: {'yes' if info.retryable else 'no'}"
        assert f"\n### `{code}`\n\n{line}\n\n" in page
    assert page.count("\n### ") == len(CODES)


@pytest.mark.parametrize("name", PAGES)
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), "make reference"


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(event) for event in SAMPLES} == set(get_args(Event))


def test_every_route_is_documented() -> None:
    names = ("http", "model-apis", "chat-uis", "protocol")
    pages = re.sub(r"\{[\w:]+\}", "{}", "".join(read(f"docs/reference/{name}.md") for name in names))
    missing = []
    for route in create_app(Settings()).routes:
        if isinstance(route, Route | WebSocketRoute) and "ndjson_transport" not in route.endpoint.__module__:
            # "The same under" is how the routes of Gemini, and of lists of models, are documented.
            path = re.sub(r"\{[\w:]+\}", "{}", route.path).replace("/v1beta/", "/v1/")
            _, _, verb = path.rpartition("{}:")
            missing += [route.path] if path != "/{}" and path not in pages and f":{verb}`" not in pages else []
    assert missing == []


def test_every_metric_command_and_variable_that_is_named_exists() -> None:
    samples = {metric.sample for metric in METRICS.values()}
    labels = {label for metric in METRICS.values() for label in metric.labels}
    variables = {variable_name(name) for name in PLAIN_SETTINGS} | OTHER_VARIABLES
    for page in PAGES_OF_THE_SITE:
        text = read(page)
        for named in re.findall(r"\b(?:dualstream|gen_ai|process)_[a-z_]*[a-z]\b", text):
            metric = re.sub(r"_(bucket|sum|count)$", "", named)
            assert {metric, named} & (samples | labels), f"{page}: {named}"
        for command in re.findall(r"(?:`|\n|bin/|&& |uvx )dualstream ([a-z]+)\b", text):
            assert command in {*SUBCOMMANDS, "bench"}, f"{page}: dualstream {command}"
        for variable in re.findall(r"\bDUALSTREAM_[A-Z_]*[A-Z]\b", text):
            assert variable in variables, f"{page}: {variable}"


PAGES_OF_THE_SITE = ["README.md", *(str(found.relative_to(ROOT)) for found in (ROOT / "docs").rglob("*.md"))]
OTHER_VARIABLES = {"DUALSTREAM_CONFIG", "DUALSTREAM_TOKEN", "DUALSTREAM_KEY"}
"""The file of settings, the key of clients, and one that a page uses in an example."""


def test_every_argument_of_the_command_line_has_a_help() -> None:
    assert "|  |" not in PAGES["cli.md"]()


def test_every_setting_and_fault_of_the_simulator_is_documented() -> None:
    page = read("docs/reference/simulator.md")
    for name in (*SimulatorSettings.__dataclass_fields__, *get_args(Fault), *get_args(Language), *PROFILES):
        assert f"`{name}`" in page, name


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", *(str(found.relative_to(ROOT)) for found in (ROOT / "docs").rglob("*.md"))],
)
def test_links_have_targets(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
        target, _, anchor = link.partition("#")
        file = (ROOT / page).parent / target if target else ROOT / page
        if not target.startswith("http"):
            assert file.exists(), f"{page}: {link}"
        if anchor and file.suffix == ".md" and not target.startswith("http"):
            assert anchor in anchors(without_code(file.read_text("utf-8"))), f"{page}: {link}"


def without_code(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """Return the names by which links reach the headings of a page, as GitHub forms them."""
    headings = re.findall(r"^#+ +(.+)$", page, re.MULTILINE)
    texts = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


def test_every_pinned_client_is_in_the_matrix() -> None:
    page = read("docs/clients/index.md")
    for driver in DRIVERS:
        for surface in driver.surfaces:
            row = beginning(driver, surface)
            assert page.count(row) == len(PROVIDER_APIS), row
    for driver in UI_DRIVERS:
        for surface in driver.surfaces:
            assert page.count(beginning(driver, surface)) == 1, driver.name


def test_every_test_that_the_threat_model_names_exists() -> None:
    page = read("docs/security.md")
    model = page.partition("## Threat model")[2]
    files = defaultdict[str, str](str)
    for found in (ROOT / "tests").rglob("test_*.py"):
        files[found.name] += found.read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in model.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 25
    for row in rows:
        assert re.search(r"`test_\w+\.py::test_\w+`", row[-1]), row
    for file, test in re.findall(r"`(test_\w+\.py)::(test_\w+)`", page):
        assert re.search(rf"^ *(async )?def {test}\(", files[file], re.MULTILINE), f"{file}::{test}"
    for family in {name for names in re.findall(r"attacks: ([\w, -]+) \|", page) for name in names.split(", ")}:
        assert f"\n## {family}\n" in read("docs/reports/attacks.md"), family
    for named in re.findall(r"`(test_\w+\.py)`", page):
        assert named in files


PAGES_ABOUT_THE_CODE = ("CONTRIBUTING.md", "docs/design.md", "docs/reference/glossary.md")


@pytest.mark.parametrize("page", PAGES_ABOUT_THE_CODE)
def test_every_module_that_is_named_exists(page: str) -> None:
    named = re.findall(r"`((?:gateway|transports|tests)/[\w./]+|(?:gateway|transports)/)(?:::\w+)?`", read(page))
    assert len(named) > 10
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


def test_every_package_has_a_row_in_the_design() -> None:
    page = read("docs/design.md")
    for found in (ROOT / "gateway").iterdir():
        if found.suffix == ".py" and found.name != "__init__.py":
            assert f"| `gateway/{found.name}` |" in page
        elif (found / "__init__.py").exists():
            assert f"| `gateway/{found.name}/` |" in page


def test_every_entry_point_on_the_paths_of_a_chunk_and_a_command_exists() -> None:
    rows = re.findall(r"^\| `([\w/]+\.py)` \| `([\w.]+)` \|", read("CONTRIBUTING.md"), re.MULTILINE)
    assert len(rows) > 20
    for path, named in rows:
        for name in named.split("."):
            assert re.search(rf"^ *(class|def|async def) {name}\b", read(path), re.MULTILINE), f"{path}: {named}"


def test_every_log_line_that_is_quoted_exists() -> None:
    """The words between the placeholders (in capitals) and numbers of a line are in the source."""
    source = "".join(re.findall(r'"(?:\\.|[^"\\\n])*"', "\n".join(modules())))
    quoted = [line for page in QUOTES_THE_LOG for line in re.findall(r"log: `([^`]+)`", read(page))]
    assert len(quoted) > 10
    for line in quoted:
        for words in re.split(r"[A-Z]{2,}|\bN\b|\d+|…", line):
            assert len(words.split()) < 3 or words.strip(" :;().") in source, f"{line}: {words}"


QUOTES_THE_LOG = ("docs/operations/troubleshooting.md", "docs/operations/drain.md", "docs/reference/codes.md")


def modules() -> list[str]:
    return [found.read_text("utf-8") for folder in ("gateway", "transports") for found in (ROOT / folder).rglob("*.py")]


def test_every_test_that_contributing_names_exists() -> None:
    for path, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", read("CONTRIBUTING.md")):
        assert f"def {test}(" in read(path), f"{path}::{test}"


def test_every_class_of_the_glossary_exists_and_the_terms_are_in_order() -> None:
    page = read("docs/reference/glossary.md")
    terms = re.findall(r"^\| ([^|`]+) \| ", page, re.MULTILINE)[1:]
    assert len(terms) > 50
    assert terms == sorted(set(terms), key=str.casefold)
    source = "\n".join(modules())
    classes = set(re.findall(r"^ *class (\w+)", source, re.MULTILINE))
    named = set(re.findall(r"`([A-Z][a-z]\w*)`", page))
    assert len(named) > 50
    assert named - classes - FOREIGN_CLASSES == set()


FOREIGN_CLASSES = {"MockClock"}
"""Classes of other projects, named as the source of a term."""


def test_every_diagram_is_drawn_as_it_is() -> None:
    assert {drawing.name for drawing in diagrams.FOLDER.iterdir()} == set(diagrams.sources()), "make diagrams"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for page in ["README.md", "CONTRIBUTING.md", *(f"{p.relative_to(ROOT)}" for p in (ROOT / "docs").rglob("*.md"))]:
        for named in re.findall(r"`?\bmake ([a-z-]+(?: [a-z-]+)*)`", read(page)):
            assert set(named.split()) <= targets, f"{page}: make {named}"


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "make test" in read("README.md")
    assert "\nmake test\n" in read(".ci/run")


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    changelog = read("CHANGELOG.md")
    assert "## Unreleased" in changelog or f"## {version}" in changelog


def test_the_default_limits_have_not_changed() -> None:
    settings = Settings()
    assert (settings.max_concurrent, settings.max_queue, settings.queue_timeout) == (50, 200, 30)
    assert settings.stall_timeout == 300
