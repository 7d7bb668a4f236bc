"""`dualstream bench providers`: build the configured models, and let `gateway.cli.bench` measure them."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from gateway.app.catalog import build
from gateway.cli.bench.providers import command
from gateway.config import ConfigurationError, Settings, find_file, load
from gateway.config.model_names import models_to_compare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    command.add_arguments(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: the file that serve uses")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and return the exit code."""
    try:
        settings = load({}, os.environ, find_file(options.config, os.environ))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(_measure(settings, options))


async def _measure(settings: Settings, options: argparse.Namespace) -> int:
    catalog = build(settings)
    await catalog.start()
    try:
        return await command.run(list(catalog.models.by_name.values()), options, models_to_compare(settings))
    finally:
        await catalog.close()
