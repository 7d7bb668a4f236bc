"""docs/reference/cli.md: every command with its arguments, from the parsers of the command line."""

import argparse
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final, cast

from gateway.cli.main import BENCHMARKS, SUBCOMMANDS, Subcommand

INTRODUCTION: Final = """\
# Command line

`dualstream COMMAND --help` prints the same, `dualstream --version` the version. `make reference` writes this page from
the parsers of the commands.

| command | does |
|---|---|
"""
EXIT_CODES: Final = """
## Exit codes

| code | meaning |
|---|---|
| 0 | success |
| 1 | the command ran, and what it checked, asked or measured failed |
| 2 | the arguments or the configuration can't be used; the message on standard error says what to change |
| 130 | Ctrl-C ended it |
"""
_MANY_SETTINGS: Final = " It may contain: "
"""In the help of `--config`: all settings follow, which configuration.md lists."""


def page() -> str:
    """Return the page."""
    commands = dict(_commands())
    rows = [f"| [`{name}`](#{_anchor(name)}) | {summary} |\n" for name, (_, summary) in commands.items()]
    sections = [_section(name, parser) for name, (parser, _) in commands.items()]
    return INTRODUCTION + "".join(rows) + "".join(sections) + EXIT_CODES


def _commands() -> Iterator[tuple[str, tuple[argparse.ArgumentParser, str]]]:
    """Yield each command with its parser and summary, those with actions of their own by action."""
    for prefix, modules in (("dualstream", SUBCOMMANDS), ("dualstream bench", BENCHMARKS)):
        for name, (module, summary) in modules.items():
            parser = argparse.ArgumentParser(prog=f"{prefix} {name}")
            cast("Subcommand", import_module(module)).add_arguments(parser)
            yield parser.prog, (parser, summary)
            for action, nested in _nested(parser).items():
                yield f"{parser.prog} {action}", nested


def _nested(parser: argparse.ArgumentParser) -> Mapping[str, tuple[argparse.ArgumentParser, str]]:
    found: dict[str, tuple[argparse.ArgumentParser, str]] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            found |= {name: (nested, summaries[name]) for name, nested in action.choices.items()}
    return found


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    hidden = (argparse._HelpAction, argparse._SubParsersAction)
    arguments = [action for action in parser._actions if not isinstance(action, hidden)]
    positional = [action for action in arguments if not action.option_strings]
    options = len(arguments) > len(positional)
    actions = list(_nested(parser))
    words = [name, *([" | ".join(actions)] if actions else []), *(["[OPTIONS]"] if options else [])]
    synopsis = " ".join([*words, *map(_positional, positional)])
    rows = [f"| `{_form(action)}` | {_help(parser, action)} |\n" for action in [*positional, *_options(arguments)]]
    table = ["\n| argument | meaning |\n|---|---|\n", *rows] if rows else []
    description = f"\n{parser.description}\n" if parser.description else ""
    return f"\n## `{name}`\n\n```text\n{synopsis}\n```\n{description}{''.join(table)}"


def _options(arguments: list[argparse.Action]) -> list[argparse.Action]:
    return [action for action in arguments if action.option_strings]


def _positional(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest).upper()
    return f"[{name}]" if action.nargs in {"?", "*"} else name


def _form(action: argparse.Action) -> str:
    if not action.option_strings:
        return _positional(action)
    value = "" if action.nargs == 0 else f" {action.metavar or _choices(action) or action.dest.upper()}"
    return f"{', '.join(action.option_strings)}{value}".replace("|", "\\|")


def _choices(action: argparse.Action) -> str:
    return "|".join(map(str, action.choices or ()))


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    brief, cut, _ = text.partition(_MANY_SETTINGS)
    text = f"{brief} Its settings: [configuration.md](configuration.md)." if cut else text
    return text.replace("|", "\\|")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
