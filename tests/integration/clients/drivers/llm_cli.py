"""Simon Willison's `llm` (PyPI) with one more OpenAI-compatible model: Chat Completions."""

import sys
from pathlib import Path

from tests.integration.clients.drivers.cli import Cli, Run, with_cli
from tests.integration.clients.drivers.kit import (
    BASE_URL,
    KEY,
    MODEL,
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

LLM = str(Path(sys.executable).with_name("llm"))
MODELS = """\
- model_id: dualstream
  model_name: {model}
  api_base: "{base_url}/v1"
  api_key_name: dualstream
  supports_tools: true
  vision: true
"""
WEATHER = '''\
def get_weather(city: str) -> str:
    """Return the weather of a city."""
    return "21 in " + city
'''


def variables(home: Path) -> dict[str, str]:
    return {"LLM_USER_PATH": str(home)}


def failure(run: Run) -> str:
    """Return the error of a run that failed."""
    assert run.code == 1, run
    return run.output.strip().splitlines()[-1][:160]


def drive(cli: Cli) -> None:
    models = MODELS.format(model=MODEL, base_url=BASE_URL)
    (cli.home / "extra-openai-models.yaml").write_text(models, "utf-8")

    def command(*arguments: str) -> tuple[str, ...]:
        return (LLM, "prompt", "-m", "dualstream", "--key", KEY, *arguments)

    def llm(*arguments: str) -> Run:
        return cli.run(*command(*arguments))

    @scenario("chat/whole")
    def _() -> None:
        run = llm("--no-stream", prompt("text"))
        assert TEXT in run.output, run

    @scenario("chat/stream")
    def _() -> None:
        run = llm(prompt("text"))
        assert TEXT in run.output, run

    @scenario("chat/usage")
    def _() -> None:
        run = llm("--usage", prompt("text"))
        assert "21 input, 9 output" in run.output, run

    @scenario("chat/tools")
    def _() -> None:
        run = llm("--functions", WEATHER, prompt("tool"))
        assert TOOL_TEXT in run.output, run

    @scenario("chat/image")
    def _() -> None:
        image = write_image(cli.home / "pixel.png", PIXEL)
        run = llm("--attachment", str(image), prompt("image"))
        assert TEXT in run.output, run

    @scenario("chat/error-before")
    def _() -> str:
        said = failure(llm(prompt("error")))
        assert "KIT refuses" in said, said
        return said

    @scenario("chat/busy")
    def _() -> None:
        run = llm(prompt("busy"))
        assert TEXT in run.output, run

    @scenario("chat/error-inside")
    def _() -> str:
        return failure(llm(prompt("fail")))

    @scenario("chat/cut")
    def _() -> str:
        return failure(llm(prompt("cut")))

    @scenario("chat/next-turn")
    def _() -> None:
        llm(prompt("text"))
        run = llm("--continue", prompt("text"))
        assert TEXT in run.output, run

    @scenario("chat/abort")
    def _() -> str:
        cli.stop(*command(prompt("slow")))
        return hung_up()

    @scenario("chat/interrupted")
    def _() -> None:
        with interrupting():
            run = llm(prompt("slow"))
        assert run.code == 0, run
        assert "word0 word1 " in run.output, run

    finish()


with_cli(variables, drive)
