"""Codex and Claude Code as a person starts them, each in a scratch repository with a bug."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.integration.clients.installation import Installation

RUN_SECONDS: Final = 60.0
BUG: Final = """\
def final_price(price, discount):
    return price + discount
"""
FIXED: Final = BUG.replace("+", "-")
TEST: Final = """\
from price import final_price

assert final_price(100, 20) == 80, final_price(100, 20)
print("the test passes")
"""
CODEX_CONFIG: Final = """\
model = "{model}"
model_provider = "dualstream"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.dualstream]
name = "Dualstream"
base_url = "{base_url}/v1"
env_key = "DUALSTREAM_KEY"
wire_api = "responses"
"""


def repository(folder: Path) -> Path:
    """Write a module with a bug, and the test that fails because of it; return the folder."""
    folder.mkdir()
    (folder / "price.py").write_text(BUG, "utf-8")
    (folder / "test_price.py").write_text(TEST, "utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class Turn:
    """What an agent has printed in one turn, and its exit code."""

    output: str
    code: int

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return its lines of JSON."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]


@dataclass(frozen=True, slots=True)
class Agent:
    """A command-line agent that talks to a gateway, in a home folder of its own."""

    command: Sequence[str]
    variables: dict[str, str] = field(default_factory=dict)

    def turn(self, prompt: str, folder: Path) -> Turn:
        """Run one turn to its end."""
        with self.started(prompt, folder) as process:
            return ended(process)

    @contextmanager
    def started(self, prompt: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
        """Start a turn; it is killed at the end of the context, if it still runs."""
        process = subprocess.Popen(
            [*self.command, prompt],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str]) -> Turn:
    """Wait for the end of a turn."""
    output, _ = process.communicate(timeout=RUN_SECONDS)
    return Turn(output, process.returncode)


def codex(installed: Installation, home: Path, base_url: str, model: str) -> Agent:
    """Return Codex, which works without asking."""
    home.mkdir()
    (home / "config.toml").write_text(CODEX_CONFIG.format(model=model, base_url=base_url), "utf-8")
    binary = installed.folder / "node_modules" / ".bin" / "codex"
    variables = {"HOME": str(home), "CODEX_HOME": str(home), "DUALSTREAM_KEY": "unused"}
    return Agent([str(binary), "exec", "--skip-git-repo-check", "--json"], variables)


def claude_code(installed: Installation, home: Path, base_url: str, model: str) -> Agent:
    """Return Claude Code, which may edit files and run Python."""
    home.mkdir()
    binary = installed.folder / "node_modules" / "@anthropic-ai" / "claude-code" / "bin" / "claude.exe"
    options = ["--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"]
    variables = {
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(home),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": "unused",
        "ANTHROPIC_MODEL": model,
    }
    return Agent([str(binary), *options, "--allowedTools=Bash(python3:*)", "-p"], variables)
