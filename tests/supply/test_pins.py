"""The pinned dependencies satisfy the project, and have versions and hashes."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply import pins

FILES = [pins.RUNTIME, pins.BUILD]


@pytest.mark.parametrize(("file", "index"), [(pins.RUNTIME, 0), (pins.BUILD, 1)])
def test_every_requirement_is_pinned_to_a_version_that_satisfies_it(file: Path, index: int) -> None:
    requirements = pins.project()[index]
    pinned = {pin.name: pin for pin in pins.read(file)}
    assert isinstance(requirements, list)
    for requirement in requirements:
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
def test_the_pins_contain_no_address_and_no_path(file: Path) -> None:
    text = file.read_text("utf-8")
    assert "make pin" in text.split("\n\n", 1)[0]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert not re.search(r"://|(?<!\S)/|@|--(?!hash=)|\\(?!$)", "\n".join(lines), re.MULTILINE)
    assert all(re.fullmatch(r"\S+==\S+( ; .*)? \\|    --hash=sha256:\S+( \\)?", line) for line in lines)


def test_a_requirement_without_an_exact_version_is_not_a_pin() -> None:
    with pytest.raises(ValueError, match="not pinned"):
        _ = pins.Pin(Requirement("rich>=15"), ()).version
