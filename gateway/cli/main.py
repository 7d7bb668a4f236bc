"""The command `dualstream`: serve · check · keys · chat · bench · simulate."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from gateway.app.authentication import credential_schemes
from gateway.app.catalog import Catalog, build
from gateway.cli import keys
from gateway.cli import logging_setup as logs
from gateway.cli.bench import command as bench_providers
from gateway.cli.chat import ChatSettings, chat
from gateway.cli.check import report, warnings
from gateway.cli.live_check import call_all
from gateway.config import (
    DEFAULT_FILE,
    FILE_VARIABLE,
    TOKEN_VARIABLE,
    ConfigurationError,
    Settings,
    find_file,
    find_keys_file,
    load,
    unknown_variables,
)
from gateway.config.model_names import models_to_compare
from gateway.server.run import serve
from gateway.simulator import Simulator

OPTIONS: Final = ("host", "port", "upstream", "upstream_api", "model", "insecure")
"""The settings that `serve` takes as options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    logs.configure()
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dualstream", description="A streaming gateway for AI agents.")
    parser.add_argument("--version", action="version", version=f"dualstream {version('dualstream')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="run the gateway"))
    _add_check(commands.add_parser("check", help="look at a configuration before it is used"))
    _add_keys(commands.add_parser("keys", help="make, list and revoke the keys of those who may use the gateway"))
    _add_chat(commands.add_parser("chat", help="talk to a running gateway in the terminal"))
    bench = commands.add_parser("bench", help="measure").add_subparsers(required=True, metavar="WHAT")
    _add_bench_providers(bench.add_parser("providers", help="compare the configured models: speed, cost, errors"))
    _add_simulate(commands.add_parser("simulate", help="run the simulated provider alone"))
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    fields = Settings.model_fields
    parser.description = (
        "Run the gateway. Every setting also has an environment variable: DUALSTREAM_ and its name, "
        "as in DUALSTREAM_UPSTREAM_API_KEY. A file names models with their providers: dualstream check says what is "
        "wrong in it, SIGHUP loads it again. Without a file and --upstream a built-in simulator answers."
    )
    parser.add_argument("--host", help=_help("host"))
    parser.add_argument("--port", type=int, help=_help("port"))
    parser.add_argument("--upstream", metavar="BASE_URL", help=_help("upstream"))
    parser.add_argument("--upstream-api", metavar="NAME", help=_help("upstream_api"))
    parser.add_argument("--model", metavar="NAME", help=_help("model"))
    parser.add_argument("--insecure", action="store_true", default=None, help=_help("insecure"))
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"a TOML file; else ${FILE_VARIABLE}, else ./{DEFAULT_FILE} if there is one. It may hold: "
        + ", ".join(fields),
    )
    parser.set_defaults(run=_serve)


def _help(name: str) -> str:
    field = Settings.model_fields[name]
    default = f" (default {field.default})" if isinstance(field.default, str | int) else ""
    return f"{field.description}{default}".replace("%", "%%")


def _serve(options: argparse.Namespace) -> int:
    given = {name: getattr(options, name) for name in OPTIONS}
    file = find_file(options.config, os.environ)
    again = partial(load, given, os.environ, file)
    try:
        settings = again()
    except ConfigurationError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2
    if file is not None:
        print(f"dualstream: configured by {file}", file=sys.stderr)
    for name in unknown_variables(os.environ):
        print(f"dualstream: {name} is not a setting we know: ignored", file=sys.stderr)
    # Without a file nothing can change, and a terminal that is closed is to end what runs in it.
    can_change = file is not None or settings.keys_file is not None
    try:
        return serve(settings, again if can_change else None)
    except ConfigurationError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Say which models a configuration names and of whom they are asked, or what is wrong in it and on which line. "
        "It ends with 2 if the configuration can't be used, with 1 if an upstream did not answer."
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the file that serve would take")
    parser.add_argument("--live", action="store_true", help="ask each upstream for one token, and time it")
    parser.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    file = find_file(options.file, os.environ)
    try:
        settings = load({}, os.environ, file)
        credential_schemes(settings)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    catalogue = build(settings)
    print("\n".join([f"{file or 'The environment'}: valid", *report(catalogue)]))
    names = [f"{name}: not a setting we know" for name in unknown_variables(os.environ)]
    for warning in [*warnings(settings, catalogue), *names]:
        print(f"warning: {warning}")
    return asyncio.run(_check_live(catalogue)) if options.live else 0


async def _check_live(catalogue: Catalog) -> int:
    await catalogue.start()
    try:
        outcomes = await call_all(catalogue)
    finally:
        await catalogue.close()
    print("\n".join(map(str, outcomes)) if outcomes else "nothing to ask: no model is named")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _add_keys(parser: argparse.ArgumentParser) -> None:
    keys.add_arguments(parser)
    parser.set_defaults(run=_keys)


def _keys(options: argparse.Namespace) -> int:
    try:
        named = find_keys_file(os.environ, find_file(None, os.environ))
        return keys.run(options, named, time.time())
    except ConfigurationError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2


def _add_chat(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Talk to a running gateway. Ctrl-C interrupts; a line typed while it streams is feedback. "
        f"A key or token is taken from {TOKEN_VARIABLE}."
    )
    parser.add_argument("prompt", nargs="?", help="one question; without it, a conversation")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway (default %(default)s)")
    parser.add_argument("--transport", choices=["sse", "ws"], default="sse", help="default %(default)s")
    parser.add_argument("--model", help="default: the gateway's own")
    parser.add_argument("--system", help="a system message")
    parser.set_defaults(run=_chat)


def _chat(options: argparse.Namespace) -> int:
    settings = ChatSettings(
        url=options.url,
        transport=options.transport,
        model=options.model,
        system=options.system,
        prompt=options.prompt,
        token=os.environ.get(TOKEN_VARIABLE),
    )
    return asyncio.run(chat(settings))


def _add_bench_providers(parser: argparse.ArgumentParser) -> None:
    bench_providers.add_arguments(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: the file that serve would take")
    parser.set_defaults(run=_bench_providers)


def _bench_providers(options: argparse.Namespace) -> int:
    try:
        settings = load({}, os.environ, find_file(options.config, os.environ))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(_run_bench_providers(settings, options))


async def _run_bench_providers(settings: Settings, options: argparse.Namespace) -> int:
    catalogue = build(settings)
    await catalogue.start()
    try:
        return await bench_providers.run(list(catalogue.models.by_name.values()), options, models_to_compare(settings))
    finally:
        await catalogue.close()


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run a server that makes its answers up and speaks the streaming formats of OpenAI (chat completions, "
        "Responses), Anthropic (Messages), all below /v1, and Google (Gemini), below /v1beta."
    )
    parser.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    parser.add_argument("--port", type=int, default=9090, help="default %(default)s; 0 takes a free one")
    parser.set_defaults(run=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    return asyncio.run(_run_simulator(options.host, options.port))


async def _run_simulator(host: str, port: int) -> int:
    simulator = Simulator(host, port)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await simulator.start()
    except OSError as error:
        print(f"dualstream: can't listen on {host}:{port}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"The simulator listens on {simulator.base_url}", flush=True)
    await ended.wait()
    await simulator.stop()
    return 0
