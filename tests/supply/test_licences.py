"""The licences of the runtime packages are accepted and documented."""

import pytest

from tests.supply import licences, pins


def test_every_licence_is_accepted_and_documented() -> None:
    documented = licences.from_page(pins.PAGE.read_text("utf-8"))
    assert list(documented) == sorted(pin.name for pin in pins.read(pins.RUNTIME)), "make pin"
    assert {
        name: rejected
        for name, expression in documented.items()
        if (rejected := licences.not_accepted(name, expression))
    } == {}
    for name in licences.ACCEPTED:
        assert f"**{name}**" in pins.PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    ("expression", "rejected"),
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
def test_a_licence_that_is_not_accepted_is_found(expression: str, rejected: set[str]) -> None:
    assert licences.not_accepted("another", expression) == rejected
