"""The contract of all transports, including a third-party one.

It holds as well for clients that start on one gateway, and do everything else on another.
"""

from collections.abc import AsyncIterator
from functools import partial
from itertools import groupby

import pytest

from gateway.app.factory import load_transports
from gateway.config import Settings
from gateway.protocol.events import Part, Usage
from tests.event_loop import settle
from tests.served.clients import BODY
from tests.served.gateway import Configure, Protocols, Served, alone
from tests.served.pair import paired
from tests.served.viewers import VIEWERS, NdjsonViewer, SseViewer, ViewingClient, until


@pytest.fixture(params=["our server", "another server", "another gateway"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def protocols(where: str) -> Protocols:
    return Protocols("httptools", "websockets-sansio") if where == "another server" else Protocols()


@pytest.fixture
async def served(where: str, settings: Settings, configure: Configure) -> AsyncIterator[Served]:
    if where == "another gateway":
        async with paired(settings, configure) as pair:
            yield pair.elsewhere
    else:
        async with alone(settings, configure) as gateway:
            yield gateway


@pytest.fixture(params=list(VIEWERS))
def viewer(request: pytest.FixtureRequest, served: Served) -> ViewingClient:
    return served.viewer(request.param)


def again(viewer: ViewingClient) -> ViewingClient:
    """Return another client of the same transport."""
    return type(viewer)(viewer.http)


def test_transports_are_found_by_entry_points_including_a_third_party_one() -> None:
    # Model APIs and chat UIs have contracts of their own: their clients do not read our events. `text` shows some
    # of them (tests/transports/test_text_stream.py).
    others = {"text", "model-api", "ai-sdk", "ag-ui", "tanstack"}
    assert {transport.name for transport in load_transports()} == {*VIEWERS, *others}


async def test_a_complete_answer(served: Served, viewer: ViewingClient) -> None:
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Xin ", "chào ")
    served.upstream.last.send("👩‍👩‍👧")
    served.upstream.last.finish(usage=Usage(5, 3, "exact"))
    seen = await viewer.to_end()
    types, numbers = [event["type"] for event in seen], [event["seq"] for event in seen]
    if viewer.joins:
        assert [kind for kind, _ in groupby(types)] == ["accepted", "start", "chunk", "complete"]
        assert (numbers[:2], numbers[-1]) == ([1, 2], 6)
    else:
        assert types == ["accepted", "start", "chunk", "chunk", "chunk", "complete"]
        assert numbers == [1, 2, 3, 4, 5, 6]
    assert viewer.text == "Xin chào 👩‍👩‍👧"
    assert seen[-1]["usage"] == {
        "input_tokens": 5,
        "output_tokens": 3,
        "source": "exact",
        "cached_input_tokens": None,
        "reasoning_tokens": None,
        "cache_write_tokens": None,
        "cache_write_1h_tokens": None,
    }


async def test_text_is_coalesced_as_the_start_asks(served: Served, viewer: ViewingClient) -> None:
    await viewer.start({**BODY, "options": {"coalesce_ms": 500}})
    await served.called()

    async def send(*words: str) -> None:
        """Send words that come one by one."""
        for word in words:
            reached = served.only.log.last + 1
            served.upstream.last.send(word)
            await until(partial(has_reached, reached))

    def has_reached(seq: int) -> bool:
        return served.only.log.last >= seq

    await send("one ")
    first = await viewer.until("chunk")
    await send("two ", "three ")
    await served.advance(0.5)
    second = await viewer.until("chunk")
    await send("four ", "five ")
    await viewer.feedback(viewer.generation_id, {"rating": 1, "mode": "note"})
    third = await viewer.until("chunk")
    await send("six ")
    served.upstream.last.finish()
    seen = await viewer.to_end()
    assert [first["content"], second["content"], third["content"]] == ["one ", "two three ", "four five "]
    # `accepted` and `start` come before, and each event keeps its number.
    assert [event["seq"] for event in seen if event["type"] != "start"] == [1, 3, 5, 7, 8, 9, 10]
    assert [event["type"] for event in seen[-4:]] == ["chunk", "feedback", "chunk", "complete"]
    for event, text in ((first, "two three four five six "), (second, "four five six "), (third, "six ")):
        later = again(viewer)
        await later.attach(viewer.generation_id, int(str(event["seq"])))
        await later.to_end()
        assert later.text == text
        await later.leave()


async def test_an_interrupt_comes_at_once_after_the_text_that_waits(served: Served, viewer: ViewingClient) -> None:
    await viewer.start({**BODY, "options": {"coalesce_ms": 1000}})
    await served.called()
    for word in ("one ", "two ", "three "):
        served.upstream.last.send(word)
    await until(lambda: served.only.log.last == 5)
    await viewer.until("chunk")
    await viewer.interrupt(viewer.generation_id)
    served.upstream.last.send("late")
    assert (await viewer.to_end())[-1]["type"] == "interrupted"
    assert viewer.text == "one two three "


async def test_a_large_part_reaches_viewers_that_follow_or_resume(served: Served, viewer: ViewingClient) -> None:
    image = Part("image", {"media_type": "image/png", "data": "A" * (3 << 20)})
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Here ")
    position = int(str((await viewer.until("chunk"))["seq"]))
    served.upstream.last.send(image, "it is.")
    served.upstream.last.finish()
    await until(lambda: served.only.log.ended)
    seen = await viewer.to_end()
    assert [event["type"] for event in seen[-3:]] == ["part", "chunk", "complete"]
    assert seen[-3]["data"] == image.fields["data"]
    for after, types in ((position, ["part", "chunk", "complete"]), (position + 1, ["chunk", "complete"])):
        second = again(viewer)
        await second.attach(viewer.generation_id, after)
        assert [event["type"] for event in await second.to_end()] == types
        await second.leave()


async def test_the_first_event_comes_before_any_content(served: Served, viewer: ViewingClient) -> None:
    await viewer.start(BODY)
    event = await viewer.next()
    assert event is not None
    assert event["type"] == "accepted"
    assert event["generation_id"] == viewer.generation_id == served.only.id
    await viewer.leave()


async def test_it_resumes_from_every_position(served: Served, viewer: ViewingClient) -> None:
    await viewer.start(BODY)
    await served.called()
    for word in ("one ", "two ", "three ", "four "):
        served.upstream.last.send(word)
        await viewer.until("chunk")
    served.upstream.last.finish()
    seen = await viewer.to_end()
    for place, event in enumerate(seen[:-1]):
        second = again(viewer)
        await second.attach(viewer.generation_id, int(str(event["seq"])))
        rest = await second.to_end()
        text = "".join(str(later["content"]) for later in seen[place + 1 :] if later["type"] == "chunk")
        assert (second.text, rest[-1]) == (text, seen[-1])
        await second.leave()


@pytest.mark.parametrize(
    "kinds",
    [
        ("sse", "websocket", "sse"),
        ("websocket", "sse", "websocket"),
        ("websocket", "ndjson", "sse"),
        ("sse", "poll", "websocket"),
        ("poll", "sse", "poll"),
    ],
)
async def test_a_viewer_that_changes_its_transport_receives_every_character_once(
    served: Served, kinds: tuple[str, ...]
) -> None:
    text, seq, generation_id = "", 0, ""
    words = iter(["một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"])
    for place, kind in enumerate(kinds):
        viewer = served.viewer(kind)
        if place == 0:
            await viewer.start(BODY)
            generation_id = served.only.id
            await served.called()
        else:
            await viewer.attach(generation_id, seq)
        for _ in range(3):
            served.upstream.last.send(f"{next(words)} ")
            seq = int(str((await viewer.until("chunk"))["seq"]))
        text += viewer.text
        if place == len(kinds) - 1:
            served.upstream.last.finish()
            await viewer.to_end()
        await viewer.leave()
    assert text == "một hai ba bốn năm sáu bảy tám chín "


@pytest.mark.parametrize("watcher", list(VIEWERS))
async def test_started_on_one_transport_watched_and_interrupted_on_another(
    served: Served, viewer: ViewingClient, watcher: str
) -> None:
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Once upon ")
    await viewer.until("chunk")
    second = served.viewer(watcher)
    await second.attach(viewer.generation_id, 0)
    await second.until("chunk")
    await second.interrupt(viewer.generation_id)
    served.upstream.last.send("late")
    for one in (viewer, second):
        end = (await one.to_end())[-1]
        assert (end["type"], end["by"], end["reason"]) == ("interrupted", "client", "enough")
        assert one.text == "Once upon "
    assert served.upstream.last.closed


async def test_interrupted_before_the_first_token_and_again(served: Served, viewer: ViewingClient) -> None:
    await viewer.start(BODY)
    await served.called()
    await viewer.interrupt(viewer.generation_id)
    await viewer.interrupt(viewer.generation_id)
    seen = await viewer.to_end()
    assert seen[-1]["type"] == "interrupted"
    answer = await viewer.interrupt(viewer.generation_id)
    assert answer.get("status", 202) == 202
    assert answer["state"] == "interrupted"


async def test_feedback_begins_a_new_text(served: Served, viewer: ViewingClient) -> None:
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("A long story ")
    await viewer.until("chunk")
    answer = await viewer.feedback(viewer.generation_id, {"text": "shorter, please"})
    taken = await viewer.until("feedback")
    assert (taken["text"], taken["mode"], taken["feedback_id"]) == ("shorter, please", "revise", answer["feedback_id"])
    assert (await viewer.until("revision"))["revision"] == 2
    await served.called(2)
    served.upstream.last.send("Short.")
    served.upstream.last.finish()
    seen = await viewer.to_end()
    assert [event["type"] for event in seen[-3:]] == ["start", "chunk", "complete"]
    messages = [message.content for message in served.upstream.last.request.messages]
    assert messages == ["Hello", "A long story ", "shorter, please"]


async def test_a_note_is_accepted_during_and_after_an_answer(served: Served, viewer: ViewingClient) -> None:
    await viewer.start(BODY)
    await served.called()
    await viewer.feedback(viewer.generation_id, {"rating": 1, "mode": "note"})
    assert (await viewer.until("feedback"))["rating"] == 1
    served.upstream.last.finish()
    await viewer.to_end()
    answer = await viewer.feedback(viewer.generation_id, {"rating": -1, "mode": "note"})
    assert answer["feedback_id"]
    async with served.http.get(f"/api/generations/{viewer.generation_id}") as response:
        assert [note["rating"] for note in (await response.json())["feedback"]] == [1, -1]


async def test_a_disconnect_is_noticed_before_the_first_token(served: Served, viewer: ViewingClient) -> None:
    await viewer.start({**BODY, "options": {"on_disconnect": "cancel"}})
    await served.called()
    await viewer.leave()

    while not served.upstream.last.closed:
        # Between two polls, a client has left when its next one does not come in time.
        await (served.advance(1) if viewer.polls else settle())
    await until(lambda: served.only.log.ended)
    assert served.only.state == "interrupted"


async def test_a_client_that_does_not_read_delays_no_other(served: Served, viewer: ViewingClient) -> None:
    await viewer.start(BODY)
    await served.called()
    stalled = again(viewer)
    await stalled.attach(viewer.generation_id, 0)
    piece = "đủ dài để đầy mọi bộ đệm " * 40
    for _ in range(1000):
        served.upstream.last.send(piece)
        await until(lambda: not served.upstream.last._reads.qsize())
    served.upstream.last.finish()
    await viewer.to_end()
    assert viewer.text == piece * 1000
    await stalled.to_end()
    assert stalled.text == piece * 1000
    await stalled.leave()


@pytest.mark.parametrize("kind", ["sse", "ndjson"])
async def test_heartbeats_are_sent_during_silence_from_the_start(served: Served, kind: str) -> None:
    viewer = served.viewer(kind)
    assert isinstance(viewer, SseViewer | NdjsonViewer)
    await viewer.start(BODY)
    await viewer.until("start")
    await served.called()
    await served.advance(15)
    await until(lambda: served.hub.viewers)
    served.upstream.last.send("x")
    await viewer.until("chunk")
    assert viewer.heartbeats == 1
    await viewer.leave()


async def test_many_viewers_of_one_generation(served: Served) -> None:
    first = served.viewer("sse")
    await first.start(BODY)
    viewers = [first] + [served.viewer(kind) for kind in list(VIEWERS) * 10]
    for viewer in viewers[1:]:
        await viewer.attach(first.generation_id, 0)
    await served.called()
    for number in range(50):
        served.upstream.last.send(f"{number} ")
    served.upstream.last.finish()
    for viewer in viewers:
        await viewer.to_end()
        assert viewer.text == "".join(f"{number} " for number in range(50))
        await viewer.leave()
