"""Parsing of typed lines."""

import pytest

from gateway.cli.chat.input import Input, InvalidInput, Note, Prompt, SlashCommand, Switch, parse


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", None),
        ("  \t", None),
        (" Why? ", Prompt("Why?")),
        ("//etc is a path", Prompt("/etc is a path")),
        ("/note it is wrong  here", Note(text="it is wrong  here")),
        ("/good", Note(rating=1)),
        ("/bad ", Note(rating=-1)),
        ("/stop", SlashCommand("stop")),
        ("/help", SlashCommand("help")),
        ("/quit", SlashCommand("quit")),
        ("/transport  ws", Switch("ws")),
        ("/transport sse", Switch("sse")),
    ],
)
def test_lines_are_parsed(line: str, expected: Input | None) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize("line", ["/note", "/transport", "/transport tcp", "/stop it", "/nonsense", "/"])
def test_invalid_input_says_what_to_type(line: str) -> None:
    parsed = parse(line)
    assert isinstance(parsed, InvalidInput)
    assert len(parsed.message) > 10
