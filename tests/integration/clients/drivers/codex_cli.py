"""OpenAI's Codex CLI (`@openai/codex`), not interactive: Responses over HTTP and WebSocket."""

import json
from pathlib import Path

from tests.integration.clients.drivers.cli import Cli, Run, node_modules, with_cli
from tests.integration.clients.drivers.kit import (
    BASE_URL,
    INPUT_TOKENS,
    KEY,
    MODEL,
    OUTPUT_TOKENS,
    PIXEL,
    TEXT,
    TOOL_TEXT,
    finish,
    hung_up,
    interrupting,
    prompt,
    scenario,
)
from tests.integration.clients.images import write_image

CODEX = str(node_modules() / ".bin" / "codex")
CONFIG = """\
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
supports_websockets = {websockets}
request_max_retries = 1
stream_max_retries = 1
"""


def events_of(run: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.output.splitlines() if line.startswith("{")]


def failure(run: Run) -> str:
    """Return what Codex says of a turn that failed."""
    assert run.code == 1, run
    (failed,) = [event for event in events_of(run) if event["type"] == "turn.failed"]
    return json.dumps(failed["error"])


def drive(cli: Cli, name: str, *, websockets: bool) -> None:
    def codex(*arguments: str) -> Run:
        configure()
        return cli.run(*command(*arguments))

    def command(*arguments: str) -> tuple[str, ...]:
        return (CODEX, "exec", "--skip-git-repo-check", "--json", *arguments)

    def configure() -> None:
        settings = {"model": MODEL, "base_url": BASE_URL, "websockets": str(websockets).lower()}
        (cli.home / "config.toml").write_text(CONFIG.format_map(settings), "utf-8")

    @scenario(f"{name}/stream")
    def _() -> None:
        run = codex(prompt("text"))
        assert TEXT in run.output, run
        assert "Falling back from WebSockets" not in run.output, run

    @scenario(f"{name}/usage")
    def _() -> None:
        (turn,) = [event for event in events_of(codex(prompt("text"))) if event["type"] == "turn.completed"]
        usage = turn["usage"]
        assert isinstance(usage, dict)
        assert (usage["input_tokens"], usage["output_tokens"]) == (INPUT_TOKENS, OUTPUT_TOKENS), usage

    @scenario(f"{name}/tools")
    def _() -> None:
        run = codex(prompt("tool"))
        assert '"aggregated_output":"kit-tool-ok\\n"' in run.output, run
        assert TOOL_TEXT in run.output, run

    @scenario(f"{name}/reasoning")
    def _() -> None:
        run = codex(prompt("think"))
        assert '"type":"reasoning"' in run.output, run
        assert "First I compare." in run.output, run
        assert TEXT in run.output, run

    @scenario(f"{name}/image")
    def _() -> None:
        image = write_image(cli.home / "pixel.png", PIXEL)
        run = codex("--image", str(image), "--", prompt("image"))
        assert TEXT in run.output, run

    @scenario(f"{name}/error-before")
    def _() -> str:
        said = failure(codex(prompt("error")))
        assert "KIT refuses" in said, said
        return said

    @scenario(f"{name}/busy")
    def _() -> None:
        run = codex(prompt("busy"))
        assert TEXT in run.output, run

    @scenario(f"{name}/error-inside")
    def _() -> str:
        return failure(codex(prompt("fail")))

    @scenario(f"{name}/cut")
    def _() -> str:
        return failure(codex(prompt("cut")))

    @scenario(f"{name}/next-turn")
    def _() -> None:
        codex(prompt("text"))
        run = codex("resume", "--last", prompt("text"))
        assert TEXT in run.output, run

    @scenario(f"{name}/abort")
    def _() -> str:
        configure()
        cli.stop(*command(prompt("slow")))
        return hung_up()

    @scenario(f"{name}/interrupted")
    def _() -> str:
        with interrupting():
            run = codex(prompt("slow"))
        assert "word0 word1 " in run.output, run
        last = events_of(run)[-1]
        return str(last["type"])


def drive_both(cli: Cli) -> None:
    drive(cli, "responses", websockets=False)
    drive(cli, "websocket", websockets=True)
    finish()


def variables(home: Path) -> dict[str, str]:
    return {"CODEX_HOME": str(home), "DUALSTREAM_KEY": KEY}


with_cli(variables, drive_both)
