"""The WebSocket mode of the Responses API: turns, lanes, history of a connection, steering, limits and errors."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted, ToolCall
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.responses import PATH, Json, answer, got, numbers_of, replayed, request, text_of
from tests.served.viewers import until
from transports.model_api.responses.commands import MAX_SECONDS
from transports.model_api.responses.lanes import MAX_LANES, MAX_WAITING

__all__ = ["protocols"]

Socket = aiohttp.ClientWebSocketResponse

ENDS = {"response.completed", "response.failed", "response.incomplete", "error"}
STEERS = {"response.steer.accepted", "response.steer.failed", "response.steer.pending"}


@pytest.fixture
async def socket(served: Served) -> AsyncIterator[Socket]:
    async with served.http.ws_connect(PATH) as opened, asyncio.timeout(10):
        yield opened


async def create(socket: Socket, text: str = "Hello", **fields: object) -> None:
    await socket.send_json({"type": "response.create", **request(text), **fields})


async def read_until(socket: Socket, *kinds: str) -> list[Json]:
    """Return the messages up to the first of these kinds."""
    messages: list[Json] = []
    while not messages or messages[-1]["type"] not in (kinds or ENDS):
        messages.append(await socket.receive_json())
    return messages


async def turn(socket: Socket, served: Served, text: str, said: str, **fields: object) -> list[Json]:
    """Create a response, let the provider answer, and return its events."""
    calls = len(served.upstream.calls)
    await create(socket, text, **fields)
    await served.called(calls + 1)
    answer(served, said)
    return await read_until(socket)


async def turn_with(socket: Socket, served: Served, **fields: object) -> list[Json]:
    """Create a response to this input, and return its events."""
    return await turn(socket, served, "", "a", **fields)


def asked(served: Served) -> list[object]:
    return [message.content for message in served.upstream.last.request.messages]


async def test_turns_go_on_from_each_other(served: Served, socket: Socket) -> None:
    first = await turn(socket, served, "One", "a", store=False, stream=True)
    assert (text_of(first), first[-1]["type"]) == ("a", "response.completed")
    assert numbers_of(first) == list(range(len(first)))
    assert first[-1]["response"]["id"] == "resp" + served.only.id[1:]
    second = await turn(socket, served, "Two", "b", store=False, previous_response_id=first[-1]["response"]["id"])
    assert numbers_of(second) == list(range(len(second)))
    assert asked(served) == ["One", "a", "Two"]
    await turn(socket, served, "Three", "c", store=False, previous_response_id=second[-1]["response"]["id"])
    assert asked(served) == ["One", "a", "Two", "b", "Three"]
    # Also from an earlier one.
    await turn(socket, served, "Other", "d", store=False, previous_response_id=first[-1]["response"]["id"])
    assert asked(served) == ["One", "a", "Other"]


async def test_the_history_of_a_socket_is_its_own_and_ends_with_it(served: Served, socket: Socket) -> None:
    first = await turn(socket, served, "One", "a", store=False)
    previous_id = first[-1]["response"]["id"]
    assert (await got(served, previous_id))[0] == 404
    async with served.http.post(PATH, json=request(previous_response_id=previous_id)) as response:
        assert response.status == 400
    async with served.http.ws_connect(PATH) as other:
        await create(other, previous_response_id=previous_id)
        error = await other.receive_json()
    assert (error["type"], error["status"]) == ("error", 400)
    assert error["error"] == {
        "message": f"Previous response with id '{previous_id}' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
    await socket.close()
    await until(lambda: not served.protocols)


async def test_what_is_stored_is_continued_from_anywhere(served: Served, socket: Socket) -> None:
    first = await turn(socket, served, "One", "a")
    response_id = first[-1]["response"]["id"]
    assert (await got(served, response_id))[1] == first[-1]["response"]
    assert await replayed(served, f"{response_id}?stream=true") == first
    await socket.close()
    async with served.http.ws_connect(PATH) as other:
        await turn(other, served, "Two", "b", previous_response_id=response_id)
    assert asked(served) == ["One", "a", "Two"]


async def test_a_prewarm_calls_no_provider(served: Served, socket: Socket) -> None:
    await create(socket, "One", generate=False, store=False)
    events = await read_until(socket)
    assert [event["type"] for event in events] == ["response.created", "response.in_progress", "response.completed"]
    assert numbers_of(events) == [0, 1, 2]
    response = events[-1]["response"]
    assert (response["status"], response["output"], response["usage"]["total_tokens"]) == ("completed", [], 0)
    assert not served.upstream.calls
    second = await turn(socket, served, "Two", "a", store=False, previous_response_id=response["id"])
    assert asked(served) == ["One", "Two"]
    assert second[-1]["response"]["previous_response_id"] == response["id"]


async def test_a_prewarm_for_an_unknown_model_fails(served: Served, socket: Socket) -> None:
    await create(socket, generate=False, model="x")
    error = await socket.receive_json()
    assert (error["type"], error["status"], error["error"]["code"]) == ("error", 400, "model_not_found")


async def test_the_calls_of_a_tool_are_answered(served: Served, socket: Socket) -> None:
    await create(socket, "One", store=False)
    await served.called()
    served.upstream.last.send(ToolCall(0, "call_1", "f", "{}"))
    served.upstream.last.finish("tool_calls")
    events = await read_until(socket)
    (call,) = events[-1]["response"]["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "21"}
    await create(socket, store=False, previous_response_id=events[-1]["response"]["id"], input=[output])
    await served.called(2)
    assert [message.role for message in served.upstream.last.request.messages] == ["user", "assistant", "tool"]


async def test_requests_of_one_lane_wait_for_each_other(served: Served, socket: Socket) -> None:
    await create(socket, "One")
    await create(socket, "Two")
    await create(socket, "Three", stream_id="main")
    await served.called(2)
    assert {tuple(message.content for message in call.request.messages) for call in served.upstream.calls} == {
        ("One",),
        ("Three",),
    }
    one, three = sorted(served.upstream.calls, key=lambda call: call.request.messages[0].content == "Three")
    three.send("c")
    three.finish()
    events = await read_until(socket)
    assert {event["stream_id"] for event in events} == {"main"}
    one.send("a")
    one.finish()
    events = await read_until(socket)
    assert all("stream_id" not in event for event in events)
    await served.called(3)
    answer(served, "b")
    assert text_of(await read_until(socket)) == "b"


async def test_a_conversation_is_forked_to_another_lane(served: Served, socket: Socket) -> None:
    first = await turn(socket, served, "One", "a", store=False, stream_id="main")
    previous = {"previous_response_id": first[-1]["response"]["id"], "store": False}
    fork = await turn(socket, served, "Critic", "b", stream_id="critic", **previous)
    assert {event["stream_id"] for event in fork} == {"critic"}
    await turn(socket, served, "Two", "c", stream_id="main", **previous)
    assert asked(served) == ["One", "a", "Two"]


@pytest.mark.parametrize("stream_id", ["", "a b", "x" * 257, 7, []])
async def test_a_stream_id_that_is_not_valid(served: Served, socket: Socket, stream_id: object) -> None:
    await create(socket, stream_id=stream_id)
    error = await socket.receive_json()
    assert (error["status"], error["error"]["code"], error["error"]["param"]) == (400, "invalid_stream_id", "stream_id")
    assert "stream_id" not in error
    assert not served.upstream.calls


async def test_a_socket_has_so_many_lanes(served: Served, socket: Socket) -> None:
    for at in range(MAX_LANES):
        await create(socket, stream_id=f"lane_{at}", generate=False)
        await read_until(socket)
    await create(socket, stream_id="one_more")
    error = await socket.receive_json()
    assert (error["error"]["code"], error["stream_id"]) == ("websocket_stream_limit_reached", "one_more")
    await turn(socket, served, "One", "a")


async def test_so_many_responses_run_at_once_and_so_many_wait(served: Served, socket: Socket) -> None:
    for at in range(17):
        await create(socket, stream_id=f"lane_{at}")
    await served.called(16)
    for _ in range(MAX_WAITING):
        await create(socket)
    error = await socket.receive_json()
    assert (error["status"], error["error"]["code"], error["headers"]) == (
        429,
        "rate_limit_exceeded",
        {"retry-after": "1"},
    )
    assert len(served.upstream.calls) == 16
    served.upstream.calls[0].send("a")
    served.upstream.calls[0].finish()
    await served.called(17)


async def test_an_error_before_the_first_event_is_an_error_with_a_status(served: Served, socket: Socket) -> None:
    await create(socket)
    await served.called()
    served.upstream.last.fail(Failed(Code.INVALID_REQUEST, "The provider refused it."))
    error = await socket.receive_json()
    assert (error["type"], error["status"]) == ("error", 400)
    assert error["error"]["message"] == "The provider refused it."
    async with served.http.get("/api/stats") as response:
        assert (await response.json())["stored_responses"] == 0
    # The next one is served.
    await turn(socket, served, "One", "a")


async def test_a_response_that_is_cut_off_fails_and_the_socket_lives(served: Served, socket: Socket) -> None:
    await create(socket)
    await served.called()
    served.upstream.last.send("Xin ")
    served.upstream.last.fail(Failed(Code.TRUNCATED, "The provider broke off."))
    events = await read_until(socket)
    assert (events[-1]["type"], events[-1]["response"]["error"]["code"]) == ("response.failed", "server_error")
    await turn(socket, served, "One", "a")


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"type": "response.cancel"}, "type"),
        ({"type": 7}, "type"),
        ({"type": {}}, "type"),
        ({}, "type"),
        ({"type": "response.create", "model": "m", "input": 7}, "input"),
        ({"type": "response.create", **request(), "background": True}, "background"),
    ],
)
async def test_a_message_that_is_not_valid(served: Served, socket: Socket, message: Json, param: str) -> None:
    await socket.send_json(message)
    error = await socket.receive_json()
    assert (error["type"], error["status"], error["error"]["param"]) == ("error", 400, param)
    await turn(socket, served, "One", "a")


async def test_who_sends_no_valid_message_is_closed(socket: Socket) -> None:
    for _ in range(10):
        await socket.send_str("{}")
    while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
        pass
    assert socket.close_code == 4400


@pytest.mark.parametrize("sent", ["x", "[]", "7"])
async def test_a_message_that_is_no_object(socket: Socket, sent: str) -> None:
    await socket.send_str(sent)
    error = await socket.receive_json()
    assert (error["type"], error["status"]) == ("error", 400)
    await socket.send_bytes(b"{}")
    assert "binary" in (await socket.receive_json())["error"]["message"]


async def test_a_message_that_is_too_large(served: Served, socket: Socket) -> None:
    head = {"type": "response.create", "stream_id": "main"}
    await socket.send_str(orjson.dumps({**head, **request("x" * 20_001)}).decode())
    error = await socket.receive_json()
    assert (error["status"], error["stream_id"]) == (413, "main")
    await turn(socket, served, "One", "a")


async def test_a_client_that_leaves_stops_what_runs_and_what_waits(served: Served, socket: Socket) -> None:
    await create(socket, "One")
    await create(socket, "Two")
    await served.called()
    served.upstream.last.send("Xin ")
    await read_until(socket, "response.output_text.delta")
    await socket.close()
    await until(lambda: isinstance(served.only.end, Interrupted))
    assert served.only.end is not None
    assert len(served.upstream.calls) == 1
    await until(lambda: served.hub.prompts.used == 0)


async def test_a_client_that_leaves_while_its_request_waits_for_a_provider(served: Served, socket: Socket) -> None:
    served.upstream._auto_accept = False
    await create(socket)
    await served.called()
    await socket.close()
    await until(lambda: served.upstream.last.closed)


async def test_two_sockets_do_not_disturb_each_other(served: Served, socket: Socket) -> None:
    await create(socket, "One", store=False)
    await served.called()
    async with served.http.ws_connect(PATH) as other:
        assert text_of(await turn(other, served, "Two", "b", store=False)) == "b"
    served.upstream.calls[0].send("a")
    served.upstream.calls[0].finish()
    assert text_of(await read_until(socket)) == "a"


async def test_a_response_is_cancelled_over_http(served: Served, socket: Socket) -> None:
    await create(socket)
    await served.called()
    served.upstream.last.send("Xin ")
    events = await read_until(socket, "response.output_text.delta")
    status, document = await got(served, f"{events[0]['response']['id']}/cancel", "POST")
    assert (status, document["status"]) == (200, "cancelled")
    assert (await read_until(socket))[-1]["type"] == "response.completed"


class TestSteering:
    """`response.steer`: our feedback."""

    async def test_a_response_is_steered(self, served: Served, socket: Socket) -> None:
        await create(socket, "One", stream_id="main")
        await served.called()
        served.upstream.last.send("Xin ")
        first = (await read_until(socket, "response.output_text.delta"))[0]["response"]["id"]
        await socket.send_json({"type": "response.steer", "previous_response_id": first, "input": "Shorter."})
        accepted = await socket.receive_json()
        assert (accepted["type"], accepted["stream_id"]) == ("response.steer.accepted", "main")
        assert accepted["steer"]["previous_response_id"] == first
        events = await read_until(socket, "response.incomplete")
        response = events[-1]["response"]
        assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "steered"})
        assert response["output"][0]["content"][0]["text"] == "Xin "
        await served.called(2)
        assert asked(served) == ["One", "Xin ", "Shorter."]
        answer(served, "chào")
        events = await read_until(socket)
        assert (events[0]["type"], numbers_of(events)) == ("response.created", list(range(len(events))))
        assert {event["stream_id"] for event in events} == {"main"}
        successor = events[-1]["response"]
        assert successor["id"] != first
        assert successor["previous_response_id"] == first
        assert text_of(events) == "chào"
        # Both are stored, and each is read alone.
        assert (await got(served, first))[1] == response
        assert (await got(served, successor["id"]))[1] == successor
        assert [event["type"] for event in await replayed(served, f"{first}?stream=true")][-1] == "response.incomplete"
        assert text_of(await replayed(served, f"{successor['id']}?stream=true")) == "chào"
        await turn(socket, served, "Two", "b", previous_response_id=successor["id"])
        assert asked(served) == ["One", "Xin ", "Shorter.", "chào", "Two"]

    async def test_one_part_of_a_steered_response_is_deleted(self, served: Served, socket: Socket) -> None:
        await create(socket, "One")
        await served.called()
        served.upstream.last.send("a")
        first = (await read_until(socket, "response.output_text.delta"))[0]["response"]["id"]
        await socket.send_json({"type": "response.steer", "previous_response_id": first, "input": "Shorter."})
        await read_until(socket, "response.incomplete")
        await served.called(2)
        served.upstream.last.send("b")
        second = (await read_until(socket, "response.output_text.delta"))[0]["response"]["id"]
        assert (await got(served, second, "DELETE"))[0] == 200
        await read_until(socket)
        assert (await got(served, first))[1]["status"] == "incomplete"
        assert (await got(served, first, "DELETE"))[0] == 200
        assert len(served.hub._records) == 0

    async def test_a_response_that_is_not_stored_is_steered_twice(self, served: Served, socket: Socket) -> None:
        await create(socket, "One", store=False)
        await served.called()
        served.upstream.last.send("a")
        current = (await read_until(socket, "response.output_text.delta"))[0]["response"]["id"]
        for at, said in enumerate(("b", "c"), 2):
            await socket.send_json({"type": "response.steer", "previous_response_id": current, "input": f"Steer {at}"})
            await read_until(socket, "response.incomplete")
            await served.called(at)
            served.upstream.last.send(said)
            events = await read_until(socket, "response.output_text.delta")
            current = events[0]["response"]["id"]
        served.upstream.last.finish()
        await read_until(socket)
        await turn(socket, served, "Two", "d", store=False, previous_response_id=current)
        assert asked(served) == ["One", "a", "Steer 2", "b", "Steer 3", "c", "Two"]

    async def test_what_has_ended_is_not_steered(self, served: Served, socket: Socket) -> None:
        events = await turn(socket, served, "One", "a")
        ended = events[-1]["response"]["id"]
        for steered, code in ((ended, "response_already_completed"), ("resp_x", "response_not_found")):
            await socket.send_json({"type": "response.steer", "previous_response_id": steered, "input": "Shorter."})
            failed = await socket.receive_json()
            assert (failed["type"], failed["error"]["code"]) == ("response.steer.failed", code)
            assert failed["steer"] == {"previous_response_id": steered, "input": "Shorter."}

    async def test_an_input_that_is_not_taken_is_given_back(self, served: Served, socket: Socket) -> None:
        await create(socket)
        await served.called()
        served.upstream.last.send("a")
        current = (await read_until(socket, "response.output_text.delta"))[0]["response"]["id"]
        await socket.send_json({"type": "response.steer", "previous_response_id": current, "input": []})
        failed = await socket.receive_json()
        assert (failed["error"]["code"], failed["steer"]["input"]) == ("invalid_input", [])
        assert served.hub.running == 1

    async def test_a_successor_that_fails(self, served: Served, socket: Socket) -> None:
        await create(socket)
        await served.called()
        served.upstream.last.send("a")
        current = (await read_until(socket, "response.output_text.delta"))[0]["response"]["id"]
        await socket.send_json({"type": "response.steer", "previous_response_id": current, "input": "Shorter."})
        accepted = await socket.receive_json()
        await read_until(socket, "response.incomplete")
        await served.called(2)
        served.upstream.last.fail(Failed(Code.INVALID_REQUEST, "The provider refused it."))
        error = await socket.receive_json()
        assert accepted["type"] == "response.steer.accepted"
        assert (error["type"], error["response"]["status"]) == ("response.created", "in_progress")
        assert (await read_until(socket))[-1]["type"] == "response.failed"

    async def test_an_input_waits_for_the_results_of_calls(self, served: Served, socket: Socket) -> None:
        await create(socket, "One", store=False)
        await served.called()
        served.upstream.last.send(ToolCall(0, "call_1", "f", "{}"))
        current = (await read_until(socket, "response.output_item.added"))[0]["response"]["id"]
        for _ in range(17):
            await socket.send_json({"type": "response.steer", "previous_response_id": current, "input": "Shorter."})
        messages = [
            message for message in await read_until(socket, "response.steer.failed") if message["type"] in STEERS
        ]
        assert [message["type"] for message in messages] == ["response.steer.accepted"] * 16 + ["response.steer.failed"]
        assert messages[-1]["error"]["code"] == "too_many_pending_steers"
        served.upstream.last.finish("tool_calls")
        await read_until(socket)
        pending = [await socket.receive_json() for _ in range(16)]
        assert [event["steer"]["id"] for event in pending] == [message["steer"]["id"] for message in messages[:-1]]
        required = [{"type": "function_call_output", "call_id": "call_1", "name": "f"}]
        assert pending[0]["required_input"] == required
        # A request that is refused leaves them waiting.
        await create(socket, store=False, previous_response_id=current, input=[{"type": "function_call_output"}])
        assert (await socket.receive_json())["type"] == "error"
        result = {**required[0], "output": "21"}
        await turn_with(socket, served, store=False, previous_response_id=current, input=[result])
        roles = [message.role for message in served.upstream.last.request.messages]
        assert roles == ["user", "assistant", "tool", *["user"] * 16]
        await turn_with(socket, served, store=False, previous_response_id=current, input=[result])
        assert len(served.upstream.last.request.messages) == 3

    async def test_feedback_of_others_begins_another_item(self, served: Served, socket: Socket) -> None:
        await create(socket)
        await served.called()
        served.upstream.last.send("a")
        await read_until(socket, "response.output_text.delta")
        feedback = {"text": "Shorter."}
        async with served.http.post(f"/api/generations/{served.only.id}/feedback", json=feedback) as response:
            assert response.status == 202
        await served.called(2)
        answer(served, "b")
        events = await read_until(socket)
        texts = [item["content"][0]["text"] for item in events[-1]["response"]["output"]]
        assert (events[-1]["type"], texts) == ("response.completed", ["a", "b"])


class TestLimits:
    """Limits of time and rate."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_commands_per_second": 3, "max_stored_bytes": 0, "total_timeout": 0})

    async def test_a_socket_is_closed_after_an_hour_when_nothing_runs(self, served: Served, socket: Socket) -> None:
        await create(socket)
        await served.called()
        served.clock.advance(MAX_SECONDS)
        await create(socket)
        error = await socket.receive_json()
        assert (error["status"], error["error"]["code"]) == (400, "websocket_connection_limit_reached")
        answer(served, "a")
        events = await read_until(socket)
        assert events[-1]["type"] == "response.completed"
        assert (await socket.receive_json())["error"]["code"] == "websocket_connection_limit_reached"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1001

    async def test_messages_beyond_the_rate_are_refused(self, served: Served, socket: Socket) -> None:
        for _ in range(7):
            await create(socket)
        error = await socket.receive_json()
        assert (error["status"], error["error"]["code"]) == (429, "rate_limit_exceeded")
        assert len(served.upstream.calls) <= 1

    async def test_without_memory_a_history_is_not_kept(self, served: Served, socket: Socket) -> None:
        first = await turn(socket, served, "One", "a", store=False)
        await create(socket, previous_response_id=first[-1]["response"]["id"])
        assert (await socket.receive_json())["error"]["code"] == "previous_response_not_found"


async def test_a_client_that_leaves_during_a_prewarm(served: Served, socket: Socket) -> None:
    await create(socket, generate=False, store=False)
    await create(socket, "Two")
    await socket.close()
    await until(lambda: not served.protocols and served.hub.running == 0 and served.hub.prompts.used == 0)
