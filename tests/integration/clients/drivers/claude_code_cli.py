"""Anthropic's Claude Code CLI (`@anthropic-ai/claude-code`) in print mode: Messages."""

import json
from pathlib import Path
from typing import Any

from tests.integration.clients.drivers.cli import Cli, Run, node_modules, with_cli
from tests.integration.clients.drivers.kit import (
    BASE_URL,
    CACHED_TOKENS,
    INPUT_TOKENS,
    KEY,
    MODEL,
    OUTPUT_TOKENS,
    TEXT,
    TOOL_TEXT,
    finish,
    hung_up,
    interrupting,
    prompt,
    scenario,
)

CLAUDE = str(node_modules() / "@anthropic-ai" / "claude-code" / "bin" / "claude.exe")
STREAM_JSON = ("--output-format", "stream-json", "--verbose", "--include-partial-messages")


def variables(home: Path) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": BASE_URL,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_MODEL": MODEL,
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
    }


def result_of(run: Run) -> dict[str, Any]:
    """Return the last message of a run."""
    messages = [json.loads(line) for line in run.output.splitlines() if line.startswith("{")]
    found: list[dict[str, Any]] = [message for message in messages if message.get("type") == "result"]
    assert found, run
    return found[-1]


def failure(run: Run) -> str:
    """Return what Claude Code says of a turn that failed."""
    assert run.code == 1, run
    return str(result_of(run)["result"])[:160]


def drive(cli: Cli) -> None:
    def command(*arguments: str) -> tuple[str, ...]:
        return (CLAUDE, "-p", *arguments, *STREAM_JSON, "--allowedTools", "Bash(echo:*)")

    def claude(*arguments: str) -> Run:
        return cli.run(*command(*arguments))

    @scenario("messages/stream")
    def _() -> None:
        run = claude(prompt("text"))
        assert '"type":"text_delta"' in run.output, run
        assert result_of(run)["result"] == TEXT

    @scenario("messages/usage")
    def _() -> None:
        usage = result_of(claude(prompt("text")))["usage"]
        assert usage["input_tokens"] == INPUT_TOKENS - CACHED_TOKENS, usage
        assert usage["cache_read_input_tokens"] == CACHED_TOKENS, usage
        assert usage["output_tokens"] == OUTPUT_TOKENS, usage

    @scenario("messages/tools")
    def _() -> None:
        run = claude(prompt("tool"))
        assert '"content":"kit-tool-ok"' in run.output, run
        assert result_of(run)["result"] == TOOL_TEXT

    @scenario("messages/reasoning")
    def _() -> None:
        run = claude(prompt("think"))
        assert '"type":"thinking_delta"' in run.output, run
        assert result_of(run)["result"] == TEXT

    @scenario("messages/error-before")
    def _() -> str:
        said = failure(claude(prompt("error")))
        assert "API Error: 400" in said, said
        return said

    @scenario("messages/busy")
    def _() -> None:
        assert result_of(claude(prompt("busy")))["result"] == TEXT

    @scenario("messages/error-inside")
    def _() -> str:
        return failure(claude(prompt("fail")))

    @scenario("messages/cut")
    def _() -> str:
        return failure(claude(prompt("cut")))

    @scenario("messages/next-turn")
    def _() -> None:
        claude(prompt("text"))
        assert result_of(claude(prompt("text"), "--continue"))["result"] == TEXT

    @scenario("messages/abort")
    def _() -> str:
        cli.stop(*command(prompt("slow")))
        return hung_up()

    @scenario("messages/interrupted")
    def _() -> None:
        with interrupting():
            result = result_of(claude(prompt("slow")))
        assert result["result"].startswith("word0 word1 "), result
        assert result["subtype"] == "success", result

    finish()


with_cli(variables, drive)
