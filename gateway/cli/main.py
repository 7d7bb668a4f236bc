"""The command `dualstream`: serve · check · keys · chat · top · bench · simulate.

Each subcommand is a module with `add_arguments` and `run`. It is imported when it is called: `dualstream --version` and
`dualstream chat` do not load the server.
"""

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final, Protocol, cast

from gateway.garbage_collection import collect_seldom
from gateway.standard_streams import flush_or_discard, open_closed_streams

SUBCOMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("gateway.cli.serve", "run the gateway"),
    "check": ("gateway.cli.check", "check a configuration before it is used"),
    "keys": ("gateway.cli.keys", "create, list and revoke the keys of clients"),
    "chat": ("gateway.cli.chat.command", "chat with a running gateway in the terminal"),
    "top": ("gateway.cli.top.command", "show what runs on a gateway, live in the terminal"),
    "simulate": ("gateway.cli.simulate", "run the simulated provider alone"),
}
"""Module and help of each subcommand."""

BENCHMARKS: Final[Mapping[str, tuple[str, str]]] = {
    "providers": ("gateway.cli.bench_providers", "compare the configured models: speed, cost, errors"),
    "transports": ("gateway.cli.bench.transports.command", "compare SSE and WebSocket: delays, bytes, CPU, stops"),
}
"""The same for the subcommands of `dualstream bench`."""


class Subcommand(Protocol):
    """What the module of a subcommand defines."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments and the description to the parser of the subcommand."""

    def run(self, options: argparse.Namespace) -> int:
        """Run the subcommand and return the exit code."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    if (sys.argv[1:] if arguments is None else arguments)[:1] == ["serve"]:
        _prepare_to_serve()
    open_closed_streams()
    options = _parser().parse_args(arguments)
    # Imported only now: what ends while the arguments are parsed, such as --version, logs nothing.
    from gateway.cli.logging_setup import configure  # noqa: PLC0415

    configure()
    subcommand: Subcommand = options.subcommand
    try:
        return subcommand.run(options)
    except BrokenPipeError:
        # Who read the output has enough of it, as `head` in `dualstream check | head -1`.
        return 1
    finally:
        flush_or_discard()


def _prepare_to_serve() -> None:
    """Do what must come before the modules of the server are loaded."""
    collect_seldom()
    if hasattr(signal, "pthread_sigmask"):
        # SIGHUP waits in the kernel until the gateway listens (`gateway.server.run`). Its default action would end the
        # start.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dualstream", description="A streaming gateway for AI agents.")
    parser.add_argument("--version", action=_PrintVersion, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_SubcommandParser)
    for name, (module, summary) in SUBCOMMANDS.items():
        commands.add_parser(name, help=summary, module=module)
    bench = commands.add_parser("bench", help="run a benchmark")
    benchmarks = bench.add_subparsers(required=True, metavar="BENCHMARK", parser_class=_SubcommandParser)
    for name, (module, summary) in BENCHMARKS.items():
        benchmarks.add_parser(name, help=summary, module=module)
    return parser


class _SubcommandParser(argparse.ArgumentParser):
    """Imports the module of its subcommand when it parses: argparse calls only the parser that was chosen."""

    def __init__(self, *, module: str | None = None, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._module = module

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Add the arguments of the subcommand, then parse."""
        if self._module is not None:
            subcommand, self._module = _load(self._module), None
            subcommand.add_arguments(self)
            self.set_defaults(subcommand=subcommand)
        return super().parse_known_args(args, namespace)


def _load(module: str) -> Subcommand:
    # Imported only now, as `--version` needs none of its modules.
    from gateway.net.certificates import deferred_certificates  # noqa: PLC0415

    with deferred_certificates():
        return cast("Subcommand", import_module(module))


class _PrintVersion(argparse.Action):
    """Prints the version. argparse's own action needs it in advance, and reading it takes longer than the rest."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print the version and exit with 0."""
        from importlib.metadata import version  # noqa: PLC0415

        print(f"dualstream {version('dualstream')}")
        parser.exit()
