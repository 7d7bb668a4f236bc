"""The options of `dualstream bench transports`; what it measures is tested with real processes."""

import argparse

import pytest

from gateway.cli.bench.output import BadPlanError
from gateway.cli.bench.transports import command
from gateway.cli.bench.transports.command import add_arguments, build_plan, run
from gateway.cli.bench.transports.plan import SIMULATED


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def test_the_options_make_the_plan() -> None:
    plan = build_plan(parsed("--runs", "3", "--concurrency", "2", "--transports", "ws, poll", "--timeout", "5"))
    assert (plan.transports, plan.rounds, plan.concurrency, plan.timeout) == (["ws", "poll"], 3, 2, 5)
    assert plan.model == SIMULATED
    assert build_plan(parsed("--model", "gpt-4.1")).model == "gpt-4.1"


@pytest.mark.parametrize(
    ("transports", "message"),
    [
        ("sse,tcp", "--transports: 'tcp' is unknown; use some of: sse, ws, poll"),
        ("sse,sse", "--transports: 'sse' is named twice"),
    ],
)
def test_unknown_transports_are_refused(transports: str, message: str) -> None:
    with pytest.raises(BadPlanError, match=message):
        build_plan(parsed("--transports", transports))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--url", "ftp://a"), "is not the address of a gateway"),
        (("--url", "http://a", "--key", "a b"), "a token is a non-empty text of visible ASCII characters"),
        (("--json", "/nowhere/x.json"), "--json: '/nowhere/x.json' can't be written"),
    ],
)
def test_nothing_is_measured_with_invalid_options(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(parsed(*arguments)) == 2
    assert message in capsys.readouterr().err


def test_a_password_in_the_address_is_sent_and_not_shown() -> None:
    settings = command._settings("https://me:secret@gateway.example/path", "k", 5.0)
    assert str(settings.url) == "https://gateway.example/path"
    assert settings.headers["Authorization"].startswith("Basic ")
    assert command._settings("gateway.example:81", None, 5.0).headers == {}
