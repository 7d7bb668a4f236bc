"""What a request refers to: the response before it, and items of earlier ones; and who may refer to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import Settings
from tests.served.clients import Clients, clients, keys_file, with_keys
from tests.served.gateway import Served
from tests.served.responses import PATH, Json, answer, created, posted, request
from tests.served.viewers import until

__all__ = ["clients", "keys_file"]

TOOL: Json = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


def asked(served: Served) -> list[tuple[str, object]]:
    """Return the roles and contents of the messages of the newest call."""
    return [(message.role, message.content) for message in served.upstream.last.request.messages]


def sent_items(served: Served) -> Iterator[Json]:
    """Yield the items that a provider with this API would get in the newest call."""
    verbatim = served.upstream.last.request.verbatim
    assert verbatim is not None
    items = verbatim.body["input"]
    assert isinstance(items, list)
    for item in items:
        assert isinstance(item, dict)
        yield item


async def test_a_conversation_goes_on_by_reference(served: Served) -> None:
    first = await created(served, request("One", instructions="Be brief."), "a")
    second = await created(served, request("Two", previous_response_id=first["id"]), "b")
    assert second["previous_response_id"] == first["id"]
    assert asked(served) == [("user", "One"), ("assistant", "a"), ("user", "Two")]
    await created(served, request("Three", previous_response_id=second["id"]), "c")
    assert [content for _, content in asked(served)] == ["One", "a", "Two", "b", "Three"]
    await created(served, request("Other", previous_response_id=first["id"]), "d")
    assert [content for _, content in asked(served)] == ["One", "a", "Other"]


async def test_a_provider_with_this_api_gets_the_items_and_no_ids_of_ours(served: Served) -> None:
    first = await created(served, request("One"), "a")
    await created(served, request("Two", previous_response_id=first["id"]), "b")
    items = [*sent_items(served)]
    assert [item.get("role") for item in items] == ["user", "assistant", "user"]
    assert all("id" not in item for item in items)
    verbatim = served.upstream.last.request.verbatim
    assert verbatim is not None
    assert "previous_response_id" not in verbatim.body


async def test_a_conversation_goes_on_without_input(served: Served) -> None:
    first = await created(served, request("One"), "a")
    body = {"model": "m", "previous_response_id": first["id"]}
    await created(served, body, "b")
    assert asked(served) == [("user", "One"), ("assistant", "a")]


@pytest.mark.parametrize("previous_id", ["resp_unknown", 7, ""])
async def test_an_unknown_response_before(served: Served, previous_id: object) -> None:
    async with served.http.post(PATH, json=request(previous_response_id=previous_id)) as response:
        error = (await response.json())["error"]
    assert response.status == 400
    assert error == {
        "message": f"Previous response with id {str(previous_id)!r} not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("conversation", "conv_1"), ("background", "yes"), ("store", 1), ("stream", "x"), ("generate", 0)],
)
async def test_a_field_that_would_be_ignored_is_refused(served: Served, name: str, value: object) -> None:
    async with served.http.post(PATH, json={**request(), name: value}) as response:
        assert (response.status, (await response.json())["error"]["param"]) == (400, name)
    assert not served.upstream.calls


async def test_a_response_that_runs_is_not_gone_on_from(served: Served) -> None:
    async with served.http.post(PATH, json=request(background=True)) as response:
        first = await response.json()
    await served.called()
    async with served.http.post(PATH, json=request(previous_response_id=first["id"])) as response:
        assert response.status == 400
        assert "still in progress" in (await response.json())["error"]["message"]


async def test_items_are_referred_to_by_their_ids(served: Served) -> None:
    first = await created(served, {"model": "m", "input": [{"role": "user", "content": "One", "id": "msg_1"}]}, "a")
    reference = {"type": "item_reference", "id": first["output"][0]["id"]}
    await created(served, {"model": "m", "input": [{"id": "msg_1"}, reference, *request("Two")["input"]]}, "b")
    assert asked(served) == [("user", "One"), ("assistant", "a"), ("user", "Two")]


async def test_an_item_that_is_not_stored_is_refused(served: Served) -> None:
    body = {"model": "m", "input": [{"type": "item_reference", "id": "msg_x"}]}
    async with served.http.post(PATH, json=body) as response:
        error = (await response.json())["error"]
    assert (response.status, error["param"]) == (404, "input")
    assert "msg_x" in error["message"]


@pytest.mark.parametrize("item", [{"type": "item_reference"}, {"type": "item_reference", "id": ["msg_x"]}, {"id": 1}])
async def test_a_reference_without_an_id_is_refused(served: Served, item: Json) -> None:
    async with served.http.post(PATH, json={"model": "m", "input": [item]}) as response:
        error = (await response.json())["error"]
    assert (response.status, error["param"]) == (400, "input[0].id")


async def test_a_response_that_failed_is_gone_on_from_with_what_it_said(served: Served) -> None:
    async with posted(served, request("One", stream=True)) as task:
        served.upstream.last.send("Xin ")
        await task
    await until(lambda: served.hub.running == 0)
    previous_id = "resp" + served.only.id[1:]
    await created(served, request("Two", previous_response_id=previous_id), "b")
    assert asked(served) == [("user", "One"), ("assistant", "Xin "), ("user", "Two")]


class TestOwners:
    """Keys of several clients."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    async def test_a_response_of_another_client_is_unknown(self, clients: Clients, served: Served) -> None:
        alice, bob, watcher = (clients.named(name) for name in ("alice", "bob", "watcher"))
        first = await created(served, request("One"), "a", session=alice)
        for other in (bob, watcher):
            for method, path in (
                ("GET", first["id"]),
                ("GET", f"{first['id']}/input_items"),
                ("POST", f"{first['id']}/cancel"),
                ("DELETE", first["id"]),
            ):
                async with other.request(method, f"{PATH}/{path}") as response:
                    assert (response.status, (await response.json())["error"]["code"]) == (404, "response_not_found")
            item = {"type": "item_reference", "id": first["output"][0]["id"]}
            async with other.post(PATH, json={"model": "m", "input": [item]}) as response:
                assert response.status == 404
            async with other.post(PATH, json=request(previous_response_id=first["id"])) as response:
                assert (await response.json())["error"]["code"] == "previous_response_not_found"
        async with posted(served, request("Two", previous_response_id=first["id"]), alice) as task:
            answer(served, "b")
            assert (await task).status == 200
