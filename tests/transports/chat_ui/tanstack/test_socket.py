"""TanStack AI over WebSocket: runs of a conversation, and a client that comes back to one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted
from tests.gateway.dialects.ag_ui.verifier import verify
from tests.served.clients import Clients, clients, close_code, keys_file, protocols, with_keys
from tests.served.gateway import Served
from tests.served.viewers import until
from tests.transports.chat_ui.clients import TANSTACK, USAGE, Json, Sent, run_input, text_of

__all__ = ["clients", "keys_file", "protocols"]

Socket = aiohttp.ClientWebSocketResponse


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without retries: the first failure is the end."""
    return settings.model_copy(update={"retry_within": 0, "max_generations_per_socket": 2})


@asynccontextmanager
async def opened(served: Served, query: str = "?runId=r") -> AsyncIterator[Socket]:
    async with served.http.ws_connect(TANSTACK + query) as socket:
        yield socket


async def read(socket: Socket) -> Sent:
    """Return the next message; the id is "" if it has no envelope."""
    message: Json = await socket.receive_json(timeout=10)
    return Sent(message["id"], message["chunk"]) if "chunk" in message else Sent("", message)


async def read_run(socket: Socket) -> list[Sent]:
    """Return the messages up to the end of a run."""
    sent = [await read(socket)]
    while sent[-1].data["type"] not in {"RUN_FINISHED", "RUN_ERROR"}:
        sent.append(await read(socket))
    return sent


async def answer(served: Served, socket: Socket, number: int = 1, **fields: str) -> list[Sent]:
    """Start a run, and return its messages."""
    await socket.send_json(run_input(**fields))
    await served.called(number)
    served.upstream.last.send("Xin ")
    served.upstream.last.send("chào")
    served.upstream.last.finish(usage=USAGE)
    return await read_run(socket)


async def test_runs_of_one_conversation_on_one_socket(served: Served) -> None:
    async with opened(served) as socket:
        first = await answer(served, socket)
        verify([sent.data for sent in first])
        assert text_of([sent.data for sent in first]) == "Xin chào"
        assert [sent.id.rpartition(".")[2] for sent in first] == [str(n) for n in range(1, len(first) + 1)]
        second = await answer(served, socket, 2, runId="r2")
        assert second[0].data["runId"] == "r2"
        assert second[0].id != first[0].id


async def test_a_run_of_the_same_id_has_other_events(served: Served) -> None:
    async with opened(served) as socket:
        first, second = await answer(served, socket), await answer(served, socket, 2)
        assert not {sent.id for sent in first} & {sent.id for sent in second}


async def test_a_client_comes_back_to_any_event(served: Served) -> None:
    async with opened(served) as socket:
        sent = await answer(served, socket)
    for at, message in enumerate(sent, 1):
        async with opened(served, f"?runId=r&offset={message.id}") as socket:
            assert [await read(socket) for _ in sent[at:]] == sent[at:]
            assert await close_code(socket) == 1000
    async with opened(served, "?runId=r&offset=-1") as socket:
        assert [await read(socket) for _ in sent] == sent
        assert await close_code(socket) == 1000


async def test_a_client_comes_back_while_the_run_goes_on(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input())
        await served.called()
        served.upstream.last.send("Xin ")
        begun = [await read(socket)]
        while begun[-1].data["type"] != "TEXT_MESSAGE_CONTENT":
            begun.append(await read(socket))
    async with opened(served, f"?runId=r&offset={begun[-1].id}") as socket:
        served.upstream.last.send("chào")
        served.upstream.last.finish()
        rest = await read_run(socket)
        assert await close_code(socket) == 1000
    verify([sent.data for sent in (*begun, *rest)])


async def test_a_stop(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input())
        await served.called()
        served.upstream.last.send("Xin ")
        await until(lambda: served.only.has_content)
        await socket.send_json({"type": "abort", "runId": "r"})
        *_, last = await read_run(socket)
    assert last.data["outcome"] == {"type": "cancelled"}
    assert isinstance(served.only.end, Interrupted)
    assert served.only.end.by == "client"


async def test_a_run_that_is_refused_stops_nothing(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input())
        await served.called()
        served.hub.draining = True
        await socket.send_json(run_input())
        while (sent := await read(socket)).data["type"] != "RUN_ERROR":
            pass
        assert sent.data["code"] == "shutting_down"
        assert served.only.end is None
        served.upstream.last.finish()
        served.hub.draining = False
        assert (await read_run(socket))[-1].data["outcome"] == {"type": "success"}


async def test_a_refusal_repeats_no_long_id(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input(runId="r" * 10_000))
        assert len((await read(socket)).data["runId"]) == 256


async def test_a_stop_of_what_is_not_known_is_an_error_of_that_run(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json({"type": "abort", "runId": "x"})
        error = (await read(socket)).data
        assert (error["type"], error["code"], error["runId"]) == ("RUN_ERROR", "generation_lost", "x")


async def test_a_failure_ends_the_run_and_not_the_socket(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input())
        await served.called()
        served.upstream.last.fail(Failed(Code.TRUNCATED, "It ended early."))
        *_, last = await read_run(socket)
        assert (last.data["type"], last.data["message"]) == ("RUN_ERROR", "It ended early.")
        assert (await answer(served, socket, 2))[-1].data["type"] == "RUN_FINISHED"


async def test_what_is_refused_ends_its_run_alone(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input(messages=[]))
        error = (await read(socket)).data
        assert (error["type"], error["runId"], error["threadId"]) == ("RUN_ERROR", "r", "t")
        assert error["message"] == "messages: must contain a message."
        assert error["metadata"]["dualstream"]["param"] == "messages"
        await answer(served, socket)


async def test_a_client_that_sends_no_runs_is_disconnected(served: Served) -> None:
    async with opened(served) as socket:
        for number in range(10):
            await socket.send_str("{" if number % 2 else "[]")
            error = (await read(socket)).data
            assert error["type"] == "RUN_ERROR"
            assert "runId" not in error
        assert await close_code(socket) == 4400


async def test_a_message_that_is_too_large_ends_its_run(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input("x" * 30_000))
        error = (await read(socket)).data
        assert (error["type"], error["runId"]) == ("RUN_ERROR", "r")
        await answer(served, socket)


async def test_more_runs_than_a_socket_may_carry(served: Served) -> None:
    async with opened(served) as socket:
        for number in (1, 2):
            await socket.send_json(run_input(runId=f"r{number}"))
            await served.called(number)
        await socket.send_json(run_input(runId="r3"))
        sent = [await read(socket)]
        while sent[-1].data["type"] != "RUN_ERROR":
            sent.append(await read(socket))
        assert (sent[-1].data["code"], sent[-1].data["runId"]) == ("rate_limit", "r3")


async def test_the_same_run_again_stops_the_first(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input())
        await served.called()
        served.upstream.last.send("old")
        await until(lambda: served.only.has_content)
        (first,) = served.hub._records._by_id.values()
        await socket.send_json(run_input("Again"))
        await served.called(2)
        await until(lambda: first.generation.log.ended)
        served.upstream.last.send("new")
        served.upstream.last.finish()
        texts = ""
        finished = 0
        while not finished:
            event = (await read(socket)).data
            texts += event.get("delta", "")
            finished += event["type"] == "RUN_FINISHED"
        assert texts.endswith("new")
        assert event["outcome"] == {"type": "success"}


@pytest.mark.parametrize("offset", ["-1", "g_x.3", "x"])
async def test_a_run_that_is_not_known(served: Served, offset: str) -> None:
    async with opened(served, f"?runId=x&offset={offset}") as socket:
        if offset != "-1":
            # Else the client would try again: an end is one to it.
            assert (await read(socket)).data["type"] == "RUN_ERROR"
        assert await close_code(socket) in {1008, 4400}


async def test_a_client_that_leaves_has_a_grace_period(served: Served) -> None:
    async with opened(served) as socket:
        await socket.send_json(run_input())
        await served.called()
    await served.left()
    assert not served.only.log.ended
    served.clock.advance(1000)
    await until(lambda: served.only.log.ended)


class TestWithKeys:
    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    async def ticket(self, clients: Clients) -> str:
        async with clients.named("alice").post("/api/tickets", json={"scope": "socket"}) as response:
            ticket: str = (await response.json())["ticket"]
            return ticket

    async def test_a_ticket_in_the_url(self, served: Served, clients: Clients) -> None:
        async with opened(served, f"?runId=r&ticket={await self.ticket(clients)}") as socket:
            await answer(served, socket)

    async def test_a_ticket_among_the_subprotocols(self, served: Served, clients: Clients) -> None:
        offered = ["tanstack", f"dualstream.ticket.{await self.ticket(clients)}"]
        async with served.http.ws_connect(TANSTACK, protocols=offered) as socket:
            assert socket.protocol == "tanstack"
            await answer(served, socket)

    async def test_a_key_in_the_handshake(self, served: Served, clients: Clients) -> None:
        async with clients.named("alice").ws_connect(TANSTACK) as socket:
            await answer(served, socket)

    @pytest.mark.parametrize("query", ["", "?ticket=x"])
    async def test_without_one(self, served: Served, query: str) -> None:
        async with opened(served, query) as socket:
            error = (await read(socket)).data
            assert (error["type"], error["code"]) == ("RUN_ERROR", "auth_error")
            assert await close_code(socket) == 4401

    async def test_the_run_of_another_client(self, served: Served, clients: Clients) -> None:
        async with clients.named("alice").ws_connect(TANSTACK) as socket:
            sent = await answer(served, socket)
        for offset in ("-1", sent[0].id):
            async with clients.named("bob").ws_connect(f"{TANSTACK}?runId=r&offset={offset}") as socket:
                assert await close_code(socket) == 1008
        async with clients.named("bob").ws_connect(TANSTACK) as socket:
            await socket.send_json({"type": "abort", "runId": "r"})
            assert (await read(socket)).data["code"] == "generation_lost"
