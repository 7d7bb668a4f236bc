"""The newest answer of a conversation, for each chat UI that has one."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.protocol.events import Complete, Interrupted
from tests.served import chats
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.chat_ui.clients import TANSTACK, posted, run_input

TURNS = [
    (chats.PATH, chats.body("One"), chats.body("Two")),
    (TANSTACK, run_input("One"), run_input("Two", runId="r2")),
]


@pytest.mark.parametrize(("path", "first", "second"), TURNS)
@pytest.mark.parametrize("is_read", [True, False])
async def test_the_answer_before_is_stopped_unless_it_is_read(
    served: Served, path: str, first: Mapping[str, Any], second: Mapping[str, Any], *, is_read: bool
) -> None:
    async with posted(served, path, dict(first)) as task:
        before, call = served.only, served.upstream.last
        call.send("Xin ")
        response = await task
        if not is_read:
            response.close()
            await until(lambda: served.hub.viewers == 0)
        async with posted(served, path, dict(second)) as newer:
            served.upstream.last.send("chào")
            served.upstream.last.finish()
            assert "chào" in (await (await newer).read()).decode()
        if is_read:
            assert before.end is None
            call.finish()
        await until(lambda: before.log.ended)
    if is_read:
        assert isinstance(before.end, Complete)
    else:
        assert isinstance(before.end, Interrupted)
        assert before.end.reason == "the conversation went on"
