"""Every end of a generation has the form in AG-UI and TanStack AI that docs/reference/chat-uis.md says."""

from pathlib import Path

import aiohttp
import pytest

from gateway.config import Settings
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.chat_ui.clients import frames_of, posted, run_input, text_of
from tests.transports.chat_ui.ends_table import EXPECTED, TITLES, Expected, ends_table, form_of


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without retries: the first failure is the end."""
    return settings.model_copy(update={"retry_within": 0})


@pytest.mark.parametrize("path", list(TITLES))
@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.end.title)
async def test_a_run_ends_as_documented(served: Served, path: str, expected: Expected) -> None:
    async with posted(served, path, run_input()) as task:
        served.upstream.last.send("Xin ", "chào")
        response = await task
        await expected.end.act(served)
        body, is_cut = b"", False
        try:
            async for data in response.content.iter_any():
                body += data
        except aiohttp.ClientPayloadError:
            is_cut = True
    events = [frame.data for frame in frames_of(body)]
    assert form_of(events, is_cut=is_cut) == expected.at(path)
    assert text_of(events).startswith("Xin chào")
    await until(lambda: served.only.log.ended)


def test_the_documentation_has_the_table() -> None:
    assert ends_table() in Path("docs/reference/chat-uis.md").read_text("utf-8")
