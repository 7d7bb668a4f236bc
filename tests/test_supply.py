"""What we take from others is pinned, audited and fit to be given on; the image is built and runs as it should."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gateway.config import Settings
from tests.supply import audit, licences, pins
from tests.supply.containerfile import Instruction, exec_form, instructions, stages

CONTAINERFILE = pins.ROOT / "deploy" / "container" / "Containerfile"
CHECKED_BY_HASH = {"--require-hashes", "--no-deps", "--only-binary"}
FILES = [pins.RUNTIME, pins.BUILD]


# ---- Pins ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "place"), [(pins.RUNTIME, 0), (pins.BUILD, 1)])
def test_what_the_project_asks_for_is_pinned_to_a_version_that_it_admits(file: Path, place: int) -> None:
    asked = pins.project()[place]
    pinned = {pin.name: pin for pin in pins.read(file)}
    assert isinstance(asked, list)
    for requirement in asked:
        pin = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin.version), f"{pin.requirement}, but {requirement}: make pin"
        assert (pin.requirement.marker is None) == (requirement.marker is None)


@pytest.mark.parametrize("file", FILES)
def test_each_pin_has_one_version_and_hashes(file: Path) -> None:
    pinned = pins.read(file)
    assert len({pin.name for pin in pinned}) == len(pinned) > 5
    for pin in pinned:
        assert str(pin.version)
        assert pin.hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in pin.hashes)


@pytest.mark.parametrize("file", FILES)
def test_no_address_and_no_path_stands_in_the_pins(file: Path) -> None:
    text = file.read_text("utf-8")
    assert "make pin" in text.split("\n\n", 1)[0]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert not re.search(r"://|(?<!\S)/|@|--(?!hash=)|\\(?!$)", "\n".join(lines), re.MULTILINE)
    assert all(re.fullmatch(r"\S+==\S+( ; .*)? \\|    --hash=sha256:\S+( \\)?", line) for line in lines)


def test_what_is_not_pinned_is_not_taken_for_a_pin() -> None:
    with pytest.raises(ValueError, match="not pinned"):
        _ = pins.Pin(Requirement("rich>=15"), ()).version


# ---- Licences --------------------------------------------------------------------------------------------------------


def test_every_licence_goes_with_ours_and_stands_on_its_page() -> None:
    told = licences.from_page(pins.PAGE.read_text("utf-8"))
    assert list(told) == sorted(pin.name for pin in pins.read(pins.RUNTIME)), "make pin"
    assert {name: unfit for name, one in told.items() if (unfit := licences.unfit(name, one))} == {}
    for name in licences.ADMITTED:
        assert f"**{name}**" in pins.PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    ("expression", "unfit"),
    [
        ("MIT", set()),
        ("Apache-2.0 AND (BSD-3-Clause OR MIT)", set()),
        ("GPL-3.0-only", {"GPL-3.0-only"}),
        ("MIT AND MPL-2.0", {"MPL-2.0"}),
        ("LGPL-2.1-or-later OR MIT", {"LGPL-2.1-or-later"}),
        ("Apache-2.0 WITH LLVM-exception", {"WITH", "LLVM-exception"}),
        ("BSD License", {"BSD", "License"}),
        ("unknown", {"unknown"}),
    ],
)
def test_a_licence_that_nobody_has_admitted_is_seen(expression: str, unfit: set[str]) -> None:
    assert licences.unfit("another", expression) == unfit


# ---- The audit -------------------------------------------------------------------------------------------------------

FAULT = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}


def report(*packages: Mapping[str, Any]) -> str:
    return json.dumps({"dependencies": packages})


def package(name: str, *faults: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": faults}


def skipped(name: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("told", "complaint", "code", "strict", "said"),
    [
        (report(package("a"), package("b")), "", 0, 0, "no fault is known in 2 packages"),
        (report(package("a"), package("b", FAULT)), "", 1, 1, "b 1.0: PYSEC-1, CVE-1; mended in 2.0"),
        (report(package("a", {**FAULT, "fix_versions": []})), "", 1, 1, "not mended yet"),
        (report(skipped("a"), skipped("b")), "No known vulnerabilities found", 0, 1, "knows none of these packages"),
        (report(skipped("a"), package("b")), "", 0, 1, "NOT AUDITED, since the advisory service does not know them: a"),
        (report(skipped("a"), package("b", FAULT)), "", 1, 1, "PYSEC-1"),
        ("", "requests.exceptions.ConnectionError: Max retries exceeded", 0, 1, "NOT AUDITED: the advisory service"),
        ("", "requests.exceptions.HTTPError: 503 Server Error", 0, 1, "NOT AUDITED: the advisory service"),
        ("", "ERROR:pip_audit._cli:package a is missing hashes", 1, 1, "a is missing hashes"),
        ("", "", 1, 1, "pip-audit failed"),
    ],
)
def test_the_audit_tells_a_fault_from_what_could_not_be_asked(
    told: str, complaint: str, code: int, strict: int, said: str
) -> None:
    verdict = audit.judge(told, complaint)
    assert said in "\n".join(verdict.said)
    assert (verdict.code(strict=False), verdict.code(strict=True)) == (code, strict)


# ---- The image -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image() -> list[Instruction]:
    return instructions(CONTAINERFILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def last(image: list[Instruction]) -> dict[str, str]:
    """The last stage; of each instruction the last."""
    return dict(stages(image)[-1])


def test_it_runs_as_somebody_without_a_name_or_rights(last: dict[str, str]) -> None:
    user, group = last["USER"].split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000


def test_no_shell_is_needed_to_run_it_or_to_ask_how_it_is(last: dict[str, str]) -> None:
    health = last["HEALTHCHECK"].partition("CMD ")[2]
    commands = [exec_form(one) for one in (last["ENTRYPOINT"], last["CMD"], health)]
    assert [command[0] for command in commands] == ["dualstream", "serve", "python"]
    assert all("sh" not in command for command in commands)
    # What the last stage runs would need one.
    assert "RUN" not in last
    assert last["FROM"] == "scratch"


def test_images_are_named_by_version_and_without_a_registry(image: list[Instruction]) -> None:
    given = dict(value.split("=", 1) for name, value in image if name == "ARG")
    stage_names = {value.split(" AS ")[1] for name, value in image if name == "FROM" and " AS " in value}
    for name, value in image:
        if name == "FROM":
            source = value.split(" AS ")[0]
            assert source in {"scratch", "${PYTHON_IMAGE}", *stage_names}
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", given["PYTHON_IMAGE"])


def test_nothing_secret_and_nothing_from_elsewhere_gets_in(image: list[Instruction]) -> None:
    text = "\n".join(value for _, value in image)
    assert "ADD" not in {name for name, _ in image}
    assert "://" not in text
    set_here = " ".join(value for name, value in image if name in {"ENV", "ARG"})
    assert not re.search(r"key|token|secret|password", set_here, re.IGNORECASE)
    for name, value in image:
        for command in value.split("&&") if name == "RUN" else ():
            if " install " in command:
                assert set(command.split()) >= CHECKED_BY_HASH or "--no-index" in command


def test_only_what_is_copied_is_given_to_the_build(image: list[Instruction]) -> None:
    ignored = (pins.ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    admitted = {line[1:] for line in ignored if line.startswith("!")}
    copied = [value.split()[:-1] for name, value in image if name == "COPY" and not value.startswith("--from=")]
    assert admitted == {source for sources in copied for source in sources}


def test_it_writes_nothing_and_its_settings_are_ours(last: dict[str, str]) -> None:
    given = dict(pair.split("=", 1) for pair in last["ENV"].split())
    assert given["PYTHONDONTWRITEBYTECODE"] == "1"
    ours = {name: value for name, value in given.items() if name.startswith("DUALSTREAM_")}
    settings = Settings.model_validate({name.removeprefix("DUALSTREAM_").lower(): one for name, one in ours.items()})
    assert (settings.host, settings.port) == ("0.0.0.0", int(last["EXPOSE"]))
    assert "VOLUME" not in last


def test_its_label_tells_this_version(last: dict[str, str]) -> None:
    project = tomllib.loads((pins.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f'image.version="{project["version"]}"' in last["LABEL"]
    assert f'image.licenses="{project["license"]}"' in last["LABEL"]
    oldest = project["requires-python"].removeprefix(">=")
    assert f"ARG PYTHON_IMAGE=python:{oldest}-" in CONTAINERFILE.read_text("utf-8"), "the Python that the tests run on"
