"""Codex and Claude Code fix a bug through the gateway: the provider is scripted, the tools really run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.integration.browser import Page, read_json, wait_until
from tests.integration.clients.agents import FIXED, Agent, Turn, claude_code, codex, ended, repository
from tests.integration.clients.installation import Installation, required_installation
from tests.integration.clients.stage import Stage, model_name, stage
from tests.integration.clients.table import PROVIDER_APIS

MakeAgent = Callable[[Installation, Path, str, str], Agent]
AGENTS: dict[str, MakeAgent] = {"codex": codex, "claude_code": claude_code}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(required_installation(), tmp_path_factory.mktemp("agents"), requires_key=False) as scene:
        yield scene


@pytest.mark.parametrize("api", PROVIDER_APIS)
@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_fixes_a_bug(scene: Stage, tmp_path: Path, name: str, api: str) -> None:
    folder = repository(tmp_path / "repository")
    agent = AGENTS[name](scene.installation, tmp_path / "home", scene.gateway.url, model_name(api))
    turn = agent.turn(f"Fix the bug. KIT:fix {folder} .", folder)
    assert (folder / "price.py").read_text("utf-8") == FIXED, turn
    assert turn.code == 0, turn
    # The provider quotes the result of the last tool, which is the test's own output.
    assert "I fixed price.py. The test says: " in turn.output
    assert turn.output.count("the test passes") >= 2, turn


@pytest.mark.parametrize("name", AGENTS)
def test_a_turn_is_watched_and_interrupted_on_the_demo_page(
    scene: Stage, driver: Chrome, tmp_path: Path, name: str
) -> None:
    folder = repository(tmp_path / "repository")
    agent = AGENTS[name](scene.installation, tmp_path / "home", scene.gateway.url, model_name("openai"))
    requests = len(journal(scene))
    with agent.started("Tell me a long story. KIT:slow", folder) as process:
        page = Page(driver, scene.gateway.url, running_generation(scene))
        seen = page.websocket.wait_for_text()
        assert seen.text.startswith("word0 word1 word2 ")
        assert page.sse.wait_for_text().text.startswith("word0 word1 word2 ")
        page.websocket.click("interrupt")
        turn = ended(process)
    shown = page.websocket.wait_for_end("interrupted").text
    assert page.sse.wait_for_end("interrupted").text == shown
    assert page.unexpected_messages() == []
    # The agent shows the text up to there as its answer, and does not try again.
    assert text_of(turn) == shown
    assert turn.code == 0
    assert len(journal(scene)) == requests + 1
    assert journal(scene)[-1]["early"], "the provider's socket was not closed"


def running_generation(scene: Stage) -> str:
    """Wait until the gateway lists a generation that runs; return its id."""

    def listed() -> list[dict[str, str]]:
        found: list[dict[str, str]] = read_json(f"{scene.gateway.url}/api/generations")["generations"]
        return found

    return wait_until(listed, lambda: "no generation runs")[0]["id"]


def journal(scene: Stage) -> list[dict[str, Any]]:
    """Return the requests that the provider has received."""
    entries: list[dict[str, Any]] = read_json(f"{scene.provider.url}/__journal")
    return entries


def text_of(turn: Turn) -> str:
    """Return the text of the last message that the agent shows."""
    for event in reversed(turn.events):
        if event["type"] == "item.completed" and event["item"]["type"] == "agent_message":
            return str(event["item"]["text"])
        if event["type"] == "result":
            return str(event["result"])
    pytest.fail(f"it shows no text: {turn}")
