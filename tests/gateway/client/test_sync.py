"""The synchronous client, against a scripted gateway in another thread."""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from aiohttp.test_utils import TestServer

from gateway.client import TransportName
from gateway.client.conversation import Conversation
from gateway.client.loop_thread import LoopThread
from gateway.client.sync import Answer, Client
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Chunk, Event
from tests.gateway.client.events import error_of
from tests.gateway.client.fake_gateway import (
    CLOSE,
    COMPLETE,
    HOLD,
    ID,
    TRANSPORTS,
    FakeGateway,
    Harness,
    listen,
    log_of,
)

Serve = Callable[[FakeGateway], Harness]


@pytest.fixture(name="serve")
def _serve() -> Iterator[Serve]:
    thread, servers = LoopThread("fake gateway"), list[TestServer]()
    yield lambda gateway: thread.run(listen(servers, gateway))
    for server in servers:
        thread.run(server.close())
    thread.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_is_the_asynchronous_client(serve: Serve, transport: TransportName) -> None:
    log = log_of("Xin ", "chào")
    harness = serve(FakeGateway(log, [[1, 2, 3, CLOSE], []]))
    with harness.sync_client(transport) as client, client.start("hi", model="m") as answer:
        assert list(answer) == log
        assert (answer.text, answer.terminal, answer.has_ended) == ("Xin chào", COMPLETE, True)
        assert (answer.transport, answer.attachments) == (transport, 1)
        assert repr(answer) == f"<Answer {ID}:5 complete>"
    assert repr(client) == f"<Client {harness.url} {transport}>"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_commands_and_transports(serve: Serve, transport: TransportName) -> None:
    harness = serve(FakeGateway(log_of("a", "b"), [[1, 2, 3, HOLD, 4, 5], []]))
    other: TransportName = "sse" if transport == "ws" else "ws"
    with harness.sync_client(transport) as client:
        answer = client.start("hi")
        next(answer)
        answer.switch(other)
        assert answer.transport == other
        assert answer.interrupt("enough")
        assert answer.read() == "ab"
        assert not answer.interrupt()
        assert answer.feedback(rating=1, mode="note") == "f_1"
        answer.close()
        assert client.attach(f"{ID}:3").read() == "b"


def test_errors_are_raised_where_it_is_called(serve: Serve) -> None:
    error = error_of("stalled", "Nothing came.", 5)
    refused = Refused(Code.MODEL_NOT_FOUND, "No.")
    with serve(FakeGateway([*log_of("a")[:-1], error], refusals=[refused])).sync_client("sse") as client:
        with pytest.raises(Refused, match="No"):
            client.start("hi")
        with pytest.raises(Failed, match="Nothing came"):
            client.start("hi").read()
        with pytest.raises(Refused, match="not the id"):
            client.attach("..")


def test_one_thread_reads_while_others_command_and_look(serve: Serve) -> None:
    harness = serve(FakeGateway(log_of(*["x"] * 2000), [[*range(1, 1001), HOLD, *range(1001, 2004)]]))
    with harness.sync_client("ws") as client:
        answer = client.start("hi")
        texts: list[str] = []
        reading = threading.Thread(target=answer.read)
        reading.start()
        while len(answer.text) < 998:
            texts.append(answer.text)
        assert answer.interrupt()
        reading.join(10)
        assert texts == sorted(texts)
    assert answer.text == "x" * 2000


def test_many_threads_start_at_once(serve: Serve) -> None:
    harness = serve(FakeGateway(log_of("a", "b")))
    read: list[str] = []
    with harness.sync_client("sse") as client:
        threads = [threading.Thread(target=lambda: read.append(client.start("hi").read())) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert read == ["ab"] * 16


async def test_it_works_where_an_event_loop_runs(serve: Serve) -> None:
    assert asyncio.get_running_loop().is_running()
    with serve(FakeGateway(log_of("a"))).sync_client("sse") as client:
        assert client.start("hi").read() == "a"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_iteration_that_ctrl_c_ends_can_be_continued(serve: Serve, transport: TransportName) -> None:
    log = log_of(*"abcdef")
    harness = serve(FakeGateway(log, [[1, 2, 3, HOLD, *range(4, len(log) + 1)]]))
    with harness.sync_client(transport) as client:
        answer, seen = client.start("hi"), list[Event]()
        waiting = threading.Thread(target=_press_ctrl_c_during, args=(answer, 3))
        waiting.start()
        with pytest.raises(KeyboardInterrupt):
            for event in answer:
                seen.append(event)
        waiting.join(10)
        assert seen == log[:3]
        assert answer.interrupt()  # releases the rest of the script
        assert [*seen, *answer] == log


def _press_ctrl_c_during(answer: Answer, seq: int) -> None:
    """Send SIGINT to the main thread when it waits for the event after this one."""
    while not (answer.seq == seq and answer._answer._reading):
        threading.Event().wait(0.001)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_a_client_that_is_not_closed_warns_and_is_closed(serve: Serve) -> None:
    harness = serve(FakeGateway(log_of("a"), [[1, 2, 3, HOLD, 4]]))
    before = threading.active_count()
    with pytest.warns(ResourceWarning, match="unclosed <Client"):
        harness.sync_client("ws").start("hi")
    assert threading.active_count() == before


def test_an_answer_keeps_its_client_open(serve: Serve) -> None:
    harness = serve(FakeGateway(log_of("a")))
    answer = harness.sync_client("sse").start("hi")
    gc.collect()
    assert answer.read() == "a"
    answer._client.close()
    with pytest.raises(RuntimeError, match="closed"):
        answer.interrupt()


def test_a_constructor_that_fails_starts_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="transport"):
        Client("http://127.0.0.1:1", transport="pigeon")  # type: ignore[arg-type]
    assert threading.active_count() == before


def test_a_conversation(serve: Serve) -> None:
    harness = serve(FakeGateway(log_of("a")))
    with harness.sync_client("sse") as client:
        chat = Conversation(client, system="Be brief.")
        for question in ("1", "2"):
            chunks = [event.content for event in chat.send(question) if isinstance(event, Chunk)]
            assert chunks == ["a"]
        with pytest.raises(ValueError, match="calls \\[\\]"):
            chat.send_tool_results({"c": "1"})
    assert [message["role"] for message in chat.messages] == ["system", *["user", "assistant"] * 2]
