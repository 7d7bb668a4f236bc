"""The Containerfile: user, commands, contents and settings of the image."""

import re
import tomllib

import pytest

from gateway.config import Settings
from tests.supply import pins
from tests.supply.containerfile import Instruction, exec_form, instructions, stages

CONTAINERFILE = pins.ROOT / "deploy" / "container" / "Containerfile"


HASH_OPTIONS = {"--require-hashes", "--no-deps", "--only-binary"}


@pytest.fixture(scope="module")
def image() -> list[Instruction]:
    return instructions(CONTAINERFILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def last(image: list[Instruction]) -> dict[str, str]:
    """Return the last instruction of each name in the last stage."""
    return dict(stages(image)[-1])


def test_it_runs_as_an_unprivileged_numeric_user(last: dict[str, str]) -> None:
    user, group = last["USER"].split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000


def test_commands_and_health_check_need_no_shell(last: dict[str, str]) -> None:
    health = last["HEALTHCHECK"].partition("CMD ")[2]
    commands = [exec_form(value) for value in (last["ENTRYPOINT"], last["CMD"], health)]
    assert [command[0] for command in commands] == ["dualstream", "serve", "python"]
    assert all("sh" not in command for command in commands)
    # RUN in the last stage would need a shell there.
    assert "RUN" not in last
    assert last["FROM"] == "scratch"


def test_everything_that_the_wheel_includes_is_copied(image: list[Instruction]) -> None:
    included = tomllib.loads((pins.ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    wheel = included["wheel"]
    ignored = (pins.ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [source for name, value in image if name == "COPY" for source in value.split()[:-1]]
    for path in [*wheel["packages"], *wheel["force-include"]]:
        assert path in copied
        assert f"!{path}" in ignored


def test_base_images_have_a_version_and_no_registry(image: list[Instruction]) -> None:
    arguments = dict(value.split("=", 1) for name, value in image if name == "ARG")
    stage_names = {value.split(" AS ")[1] for name, value in image if name == "FROM" and " AS " in value}
    for name, value in image:
        if name == "FROM":
            source = value.split(" AS ")[0]
            assert source in {"scratch", "${PYTHON_IMAGE}", *stage_names}
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", arguments["PYTHON_IMAGE"])


def test_the_image_contains_no_secrets_and_no_downloads(image: list[Instruction]) -> None:
    text = "\n".join(value for _, value in image)
    assert "ADD" not in {name for name, _ in image}
    assert "://" not in text
    variables = " ".join(value for name, value in image if name in {"ENV", "ARG"})
    assert not re.search(r"key|token|secret|password", variables, re.IGNORECASE)
    for name, value in image:
        for command in value.split("&&") if name == "RUN" else ():
            if " install " in command:
                assert set(command.split()) >= HASH_OPTIONS or "--no-index" in command


def test_the_build_context_contains_only_what_is_copied(image: list[Instruction]) -> None:
    ignored = (pins.ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    included = {line[1:] for line in ignored if line.startswith("!")}
    copied = [value.split()[:-1] for name, value in image if name == "COPY" and not value.startswith("--from=")]
    assert included == {source for sources in copied for source in sources}


def test_it_writes_nothing_and_its_settings_are_valid(last: dict[str, str]) -> None:
    environment = dict(pair.split("=", 1) for pair in last["ENV"].split())
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    variables = {name: value for name, value in environment.items() if name.startswith("DUALSTREAM_")}
    settings = Settings.model_validate(
        {name.removeprefix("DUALSTREAM_").lower(): value for name, value in variables.items()}
    )
    assert (settings.host, settings.port) == ("0.0.0.0", int(last["EXPOSE"]))
    assert "VOLUME" not in last


def test_its_labels_have_the_projects_version_and_licence(last: dict[str, str]) -> None:
    project = tomllib.loads((pins.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f'image.version="{project["version"]}"' in last["LABEL"]
    assert f'image.licenses="{project["license"]}"' in last["LABEL"]
    oldest = project["requires-python"].removeprefix(">=")
    assert f"ARG PYTHON_IMAGE=python:{oldest}-" in CONTAINERFILE.read_text("utf-8"), "the Python that the tests run on"
