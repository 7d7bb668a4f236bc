"""Every end of a generation has the form in the AI SDK that docs/reference/chat-uis.md says, over both transports."""

from pathlib import Path

import pytest

from gateway.config import Settings
from tests.gateway.dialects.ai_sdk.requests import user
from tests.gateway.dialects.ai_sdk.streams import Json, message_of
from tests.served.chats import PATH, body, chunks_in, sent
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.chat_ui.ai_sdk.ends_table import EXPECTED, Expected, ends_table, form_of


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without retries: the first failure is the end."""
    return settings.model_copy(update={"retry_within": 0})


def check(chunks: list[Json], expected: Expected) -> None:
    """Check the end of a stream, and that what came before is there."""
    assert form_of(chunks) == expected.chunks
    message = message_of(chunks)
    assert message.text.startswith("Xin chào")
    assert (message.error is not None) is (expected.status == "error")


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.end.title)
async def test_a_response_ends_as_documented(served: Served, expected: Expected) -> None:
    async with sent(served, body()) as task:
        served.upstream.last.send("Xin ", "chào")
        response = await task
        await expected.end.act(served)
        check(chunks_in(await response.read()), expected)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.end.title)
async def test_a_request_on_a_socket_ends_in_the_same_way(served: Served, expected: Expected) -> None:
    async with served.http.ws_connect(PATH) as socket:
        message = {"id": "c", "messages": [user("Hello")], "trigger": "submit-message", "headers": {}, "body": {}}
        await socket.send_json({"type": "send", "requestId": "r", **message})
        await served.called()
        served.upstream.last.send("Xin ", "chào")
        await until(lambda: served.only.has_content)
        await expected.end.act(served)
        chunks: list[Json] = []
        while (received := await socket.receive_json())["type"] != "end":
            chunks += [received["chunk"]] if received["type"] == "chunk" else []
    check(chunks, expected)


def test_the_documentation_has_the_table() -> None:
    assert ends_table() in Path("docs/reference/chat-uis.md").read_text("utf-8")
