"""Codex and Claude Code fix a bug through the gateway: the provider is scripted, the tools really run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.clients.agents import FIXED, Agent, claude_code, codex, repository
from tests.integration.clients.installation import Installation, required_installation
from tests.integration.clients.stage import Stage, model_name, stage
from tests.integration.clients.table import PROVIDER_APIS

MakeAgent = Callable[[Installation, Path, str, str], Agent]
AGENTS: dict[str, MakeAgent] = {"codex": codex, "claude_code": claude_code}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(required_installation(), tmp_path_factory.mktemp("agents")) as scene:
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
