"""The command line: every subcommand is found, and nothing is imported before it is called."""

import subprocess
import sys
from importlib import import_module

import pytest

from gateway.cli.main import BENCHMARKS, SUBCOMMANDS, main

SERVER = ("pydantic", "starlette", "uvicorn", "gateway.app", "gateway.config", "transports")
HEAVY = ("aiohttp", "asyncio", *SERVER)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["bench", "--help"]])
def test_no_subcommand_is_imported_before_it_is_called(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from gateway.cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("dualstream ", "usage: dualstream"))
    assert "gateway.cli.main" in done.stderr.split()
    assert not {module for module in done.stderr.split() if module.startswith(HEAVY)}


@pytest.mark.parametrize("command", ["chat", "top"])
def test_a_client_loads_nothing_of_the_server(command: str) -> None:
    script = (
        "import sys\n"
        "from gateway.cli.main import main\n"
        "try:\n"
        f"    main([{command!r}, '--help'])\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    server = (*SERVER, "prompt_toolkit")
    assert "gateway.client" in done.stderr.split()
    assert not {module for module in done.stderr.split() if module.startswith(server)}


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_each_subcommand_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: dualstream {name} " in capsys.readouterr().out


@pytest.mark.parametrize("module", [module for module, _ in (*SUBCOMMANDS.values(), *BENCHMARKS.values())])
def test_each_module_of_a_subcommand_defines_its_interface(module: str) -> None:
    subcommand = import_module(module)
    assert callable(subcommand.add_arguments)
    assert callable(subcommand.run)


def test_an_unknown_subcommand_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == 2
    assert "invalid choice: 'dance'" in capsys.readouterr().err


def test_the_command_has_a_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("dualstream ")
