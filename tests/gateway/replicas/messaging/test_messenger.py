"""Messages between gateways."""

import asyncio

import pytest

from gateway.protocol.errors import Code, Refused
from gateway.replicas.messaging.messages import (
    Call,
    Refusal,
    Reply,
    Wake,
    Watch,
    Watching,
    decode_message,
    encode_message,
)
from gateway.replicas.policy import REPLY_SECONDS
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment


@pytest.mark.parametrize(
    "message",
    [
        Wake({"g_1": 7}),
        Watch("r_1", "g_1", viewing=True),
        Watching("r_1", ("g_1", "g_2")),
        Call("r_1", 3, "interrupt", "g_1", {"reason": "enough"}),
        Reply(3, {"stopped": True}),
        Reply(3, refusal=Refusal(Code.ALREADY_OVER, "It is over.", 409, "generation_id")),
    ],
)
def test_a_message_is_read_as_it_was_sent(
    message: Wake | Watch | Watching | Call | Reply,
) -> None:
    assert decode_message(encode_message(message)) == message


def test_what_is_no_message_is_refused() -> None:
    for data in (b"", b"{}", b'{"type": "of another version"}', b"\xff"):
        with pytest.raises(ValueError, match="validation error"):
            decode_message(data)


async def test_a_call_to_a_gateway_that_does_not_answer_ends_in_time() -> None:
    async with deployment(1) as shared:
        messenger, began = shared.gateways[0].replica.messenger, shared.clock.now()
        ended: list[float] = []

        async def call() -> None:
            with pytest.raises(TimeoutError):
                await messenger.call("nobody", "list", "", {})
            ended.append(shared.clock.now())

        task = asyncio.create_task(call())
        await settle()
        await shared.advance(REPLY_SECONDS + 1, 0.5)
        await task
        assert ended[0] - began == pytest.approx(REPLY_SECONDS, abs=0.6)
        assert not messenger._replies


async def test_a_fault_of_the_other_gateway_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        first.replica.commands.carry_out = None  # type: ignore[method-assign, assignment]
        with pytest.raises(Refused) as refused:
            await second.replica.messenger.call(first.replica.name, "interrupt", "g_1", {})
        assert (refused.value.code, refused.value.status) == (Code.SERVER_ERROR, 500)
        assert any("command interrupt" in record.getMessage() for record in caplog.records)
