"""Every end of a generation has the form in every dialect that docs/reference/model-apis.md says, streamed and not."""

import asyncio
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.dialects.base import AnsweringDialect
from gateway.protocol.errors import Refused
from tests.gateway.dialects.api_clients import CLIENTS, CUT, NONE, ApiClient, read_events
from tests.gateway.dialects.ends_table import ENDS, FAILURE, End, ends_table
from tests.gateway.dialects.tables import MODEL_APIS, OURS
from tests.served.gateway import Served
from tests.served.viewers import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without retries: the first failure is the end."""
    return settings.model_copy(update={"retry_within": 0})


@pytest.fixture(params=OURS)
def client(request: pytest.FixtureRequest) -> ApiClient:
    return CLIENTS[request.param]


def expected(end: End, client: ApiClient) -> str:
    return end.streamed[OURS.index(client.name)]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.title)
async def test_a_stream_ends_as_documented(served: Served, client: ApiClient, end: End) -> None:
    task = asyncio.ensure_future(client.post(served.http, stream=True).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ", "chào")
    async with await task as response:
        assert response.status == 200
        assert response.headers["X-Generation-ID"] == served.only.id
        await end.act(served)
        events, is_cut = await read_events(response)
    assert (CUT if is_cut else client.end_of_stream(events)) == expected(end, client)
    assert not (is_cut and client.end_of_stream(events) != NONE)
    # What was written before the end has arrived, also before a cut.
    assert client.text(events).startswith("Xin chào")
    await until(lambda: served.only.log.ended)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.title)
async def test_a_response_that_is_not_streamed_ends_in_the_same_way(
    served: Served, client: ApiClient, end: End
) -> None:
    task = asyncio.ensure_future(client.post(served.http, stream=False).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ", "chào")
    await until(lambda: served.only.has_content)
    await end.act(served)
    async with await task as response:
        assert response.headers["X-Generation-ID"] == served.only.id
        if end.whole == FAILURE:
            assert end.code is not None
            assert response.status == MODEL_APIS[client.name].status(Refused(end.code, ""))
            assert response.headers["X-Should-Retry"] == ("true" if end.repeated else "false")
            assert "error" in await response.json()
        else:
            assert response.status == 200
            document = await response.json()
            assert client.end_of_document(document) == expected(end, client).rpartition(", ")[2]
            assert client.text_of_document(document).startswith("Xin chào")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("end", [end for end in ENDS if end.code is not None], ids=lambda end: end.title)
async def test_a_failure_before_the_first_content_has_the_status_of_its_code(
    served: Served, client: ApiClient, end: End, stream: bool
) -> None:
    assert end.code is not None
    dialect = MODEL_APIS[client.name]
    is_answered = isinstance(dialect, AnsweringDialect) and end.code in dialect.answered
    task = asyncio.ensure_future(client.post(served.http, stream=stream).__aenter__())
    await served.called()
    await end.act(served)
    async with await task as response:
        assert response.status == (200 if is_answered else dialect.status(Refused(end.code, "")))
        assert response.headers["X-Generation-ID"] == served.only.id
        if not is_answered:
            assert response.headers["X-Should-Retry"] == ("true" if end.repeated else "false")


def test_the_documentation_has_the_table() -> None:
    assert ends_table() in Path("docs/reference/model-apis.md").read_text("utf-8")
