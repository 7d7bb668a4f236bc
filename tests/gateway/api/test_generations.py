"""A generation as an HTTP resource: commands that are refused."""

from tests.served.clients import BODY
from tests.served.errors import error_of
from tests.served.gateway import Served
from tests.served.viewers import WebSocketViewer


async def test_running_generations_are_listed(served: Served) -> None:
    first, second = WebSocketViewer(served.http), WebSocketViewer(served.http)
    await first.start(BODY)
    await served.called()
    first_call = served.upstream.last
    await second.start(BODY)
    await served.called()
    assert await _running(served) == [second.generation_id, first.generation_id]
    first_call.finish()
    await first.to_end()
    assert await _running(served) == [second.generation_id]
    await second.leave()
    await first.leave()


async def _running(served: Served) -> list[str]:
    async with served.http.get("/api/generations") as response:
        return [generation["id"] for generation in (await response.json())["generations"]]


async def test_feedback_that_is_not_valid_is_refused(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(BODY)
    address = f"/api/generations/{viewer.generation_id}/feedback"
    for body, message in (
        ({}, "text is missing"),
        ({"rating": 1}, "set mode to 'note'"),
        ({"mode": "note"}, "text and rating are both missing"),
        ({"mode": "shout", "text": "x"}, "'revise', 'stop' or 'note'"),
        ({"text": ""}, "at least 1 character"),
    ):
        async with served.http.post(address, json=body) as response:
            assert response.status == 400
            assert message in str((await error_of(response))["message"])
    await viewer.leave()


async def test_a_finished_generation_accepts_no_command(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.finish()
    await viewer.to_end()
    address = f"/api/generations/{viewer.generation_id}"
    for path, body in (("interrupt", {}), ("feedback", {"text": "x"})):
        async with served.http.post(f"{address}/{path}", json=body) as response:
            assert response.status == 409
            assert (await error_of(response))["code"] == "already_over"
    rejected = await viewer.command(type="interrupt", generation_id=viewer.generation_id)
    assert (rejected["type"], rejected["code"]) == ("rejected", "already_over")
    await viewer.leave()
