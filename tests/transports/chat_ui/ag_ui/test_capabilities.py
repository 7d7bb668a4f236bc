"""Each capability that the agent claims is tried, and what it denies is not there."""

from gateway.protocol.events import Reasoning, ToolCall
from tests.served.gateway import Served
from tests.transports.chat_ui.clients import AG_UI, Json, answered, frames_of, posted, read_until, run_input, text_of


async def declared(served: Served) -> Json:
    async with served.http.get(f"{AG_UI}/capabilities") as response:
        assert response.status == 200
        capabilities: Json = await response.json()
        return capabilities


async def test_transport(served: Served) -> None:
    transport = (await declared(served))["transport"]
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Xin ")
        # It streams: a piece comes while the rest does not exist yet.
        assert transport["streaming"] is (b"Xin " in await read_until(await task, b"Xin "))
        served.upstream.last.finish()
    async with served.http.get(AG_UI, headers={"Upgrade": "websocket", "Connection": "Upgrade"}) as response:
        assert transport["websocket"] is (response.status == 101)
    headers = {"Accept": "application/vnd.ag-ui.event+proto"}
    async with served.http.get(f"{AG_UI}?threadId=t", headers=headers) as response:
        assert transport["httpBinary"] is not response.headers["Content-Type"].startswith("text/event-stream")
        assert transport["resumable"] is (b"\nid:" in await response.read())


async def test_tools(served: Served) -> None:
    tools = (await declared(served))["tools"]
    assert tools["items"] == []
    offered = [{"name": "look", "description": "Looks."}, {"name": "go", "description": "Goes."}]
    async with posted(served, AG_UI, run_input(tools=offered)) as task:
        sent = served.upstream.last.request.options["tools"]
        assert tools["supported"] is tools["clientProvided"] is bool(sent)
        served.upstream.last.send(ToolCall(0, "a", "look", "{}"), ToolCall(1, "b", "go", "{}"))
        served.upstream.last.finish("tool_calls")
        *_, last = frames_of(await (await task).read())
    assert tools["parallelCalls"] is (last.data["outcome"]["pendingToolCallIds"] == ["a", "b"])


async def test_reasoning(served: Served) -> None:
    reasoning = (await declared(served))["reasoning"]
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send(Reasoning("Hm."))
        body = await read_until(await task, b"REASONING_MESSAGE_CONTENT")
        assert reasoning["streaming"] is (b"Hm." in body)
        served.upstream.last.finish()


async def test_feedback(served: Served) -> None:
    human = (await declared(served))["humanInTheLoop"]
    async with posted(served, AG_UI, run_input()) as task:
        served.upstream.last.send("Wrong")
        response = await task
        path = (await declared(served))["custom"]["dualstream"]["feedback"].removeprefix("POST ")
        url = path.replace("{generation_id}", served.only.id)
        async with served.http.post(url, json={"text": "No."}) as feedback:
            assert human["supported"] is human["feedback"] is (feedback.status == 202)
        await served.called(2)
        served.upstream.last.send("Right")
        served.upstream.last.finish()
        body = await response.read()
    assert text_of([frame.data for frame in frames_of(body)]).endswith("Right")


async def test_ways_of_ours(served: Served) -> None:
    ours = (await declared(served))["custom"]["dualstream"]
    await answered(served, AG_UI)
    for name in ("join", "stop"):
        method, _, query = ours[name].partition(" ")
        async with served.http.request(method, AG_UI + query.replace("{threadId}", "t")) as response:
            assert response.status < 300


async def test_a_run_has_no_state_and_no_memory(served: Served) -> None:
    capabilities = await declared(served)
    assert set(capabilities["state"].values()) == {False}
    await answered(served, AG_UI, body=run_input(state={"a": 1}))
    events = [frame.data for frame in await answered(served, AG_UI, body=run_input("And then?"))]
    assert len(served.upstream.last.request.messages) == 1
    assert not {"STATE_SNAPSHOT", "STATE_DELTA"} & {event["type"] for event in events}
