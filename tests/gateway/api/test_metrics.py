"""`GET /metrics` as Prometheus reads it, while clients use every transport."""

import gzip
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pydantic import SecretStr

from gateway.config import Settings
from gateway.telemetry.metrics.names import METRICS
from tests.served.clients import BODY, Clients, clients, keys_file, with_keys
from tests.served.gateway import Served
from tests.served.viewers import VIEWERS, until

__all__ = ["clients", "keys_file"]

KEY = "0123456789abcdef"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


async def scrape(http: aiohttp.ClientSession) -> dict[str, float]:
    """Return the samples as Prometheus reads them, by the values of our own labels; zeros are left out."""
    async with http.get("/metrics", headers=OPENMETRICS) as response:
        assert response.status == 200, await response.text()
        text = await response.text()
    found = dict[str, float]()
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = [name for name in METRICS[family.name].labels if not name.startswith("gen_ai")]
            key = " ".join([sample.name, *(sample.labels.get(name, "-") for name in labels)])
            found[key] = max(found.get(key, 0), sample.value)
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize("kind", VIEWERS)
async def test_every_transport_is_counted_by_its_name(served: Served, kind: str) -> None:
    viewer = served.viewer(kind)
    await viewer.start({"messages": [{"role": "user", "content": "hi"}]})
    await served.called()
    for text in ("one ", "two ", "three"):
        served.upstream.last.send(text)
        await viewer.until("chunk")
    during = await scrape(served.http)
    served.upstream.last.finish()
    await viewer.to_end()
    await viewer.leave()
    await until(lambda: served.hub.viewers == 0)
    after = await scrape(served.http)
    (transport,) = {key.split()[1] for key in after if key.startswith("dualstream_views_total")}
    started = {key for key in after if key.startswith("dualstream_generations_started_total")}
    assert transport == kind
    assert len(started) == 1
    assert during[f"dualstream_viewers {transport}"] == 1
    assert f"dualstream_viewers {transport}" not in after
    assert after[f"dualstream_sent_bytes_total {transport}"] > len("one two three")
    delays = [value for key, value in after.items() if key.startswith("dualstream_chunk_delay_seconds_count")]
    (gaps,) = (value for key, value in after.items() if "time_per_output_chunk_seconds_count" in key)
    # A poll is answered later than in the call stack that has read the chunk.
    assert (delays, gaps) == ([] if kind == "poll" else [3], 2)
    (ended,) = (key for key in after if key.startswith("dualstream_generations_ended_total"))
    assert {"complete", "m", "native", "scripted"} <= {*ended.split()}


@pytest.mark.parametrize("kind", ["sse", "websocket"])
async def test_clients_that_come_back_are_counted_by_what_they_find(served: Served, kind: str) -> None:
    first = served.viewer(kind)
    await first.start({"messages": [{"role": "user", "content": "hi"}], "options": {"on_disconnect": "continue"}})
    await served.called()
    served.upstream.last.send("one ")
    await first.until("chunk")
    await first.leave()
    await until(lambda: served.hub.viewers == 0)
    second, third = served.viewer(kind), served.viewer(kind)
    await second.attach(first.generation_id, served.only.log.last)
    await until(lambda: served.hub.viewers == 1)
    with pytest.raises((AssertionError, aiohttp.ClientError)):
        await third.attach("g_unknown", 7)
    with pytest.raises((AssertionError, aiohttp.ClientError)):
        await third.attach(first.generation_id, 10_000)
    await third.leave()
    served.upstream.last.finish()
    await second.to_end()
    await second.leave()
    after = await scrape(served.http)
    resumes = {key: value for key, value in after.items() if key.startswith("dualstream_resumes_total")}
    assert resumes == {f"dualstream_resumes_total {kind} {outcome}": 1 for outcome in ("resumed", "lost", "refused")}


async def test_a_client_that_comes_back_after_the_end_is_counted_as_such(served: Served) -> None:
    viewer = served.viewer("sse")
    await viewer.start({"messages": [{"role": "user", "content": "hi"}]})
    await served.called()
    served.upstream.last.finish()
    await viewer.to_end()
    position = f"{viewer.generation_id}:{served.only.log.last}"
    path = f"/api/generations/{viewer.generation_id}/events"
    async with served.http.get(path, headers={"Last-Event-ID": position}) as response:
        assert response.status == 204
    assert (await scrape(served.http))["dualstream_resumes_total sse ended"] == 1


async def test_the_text_is_compressed_for_who_accepts_it(served: Served) -> None:
    connector = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(served.url, auto_decompress=False, connector=connector) as http:
        for coding, compressed in (("gzip", True), ("identity", False), ("gzip;q=0", False), ("br, *;q=0.5", True)):
            async with http.get("/metrics", headers={"Accept-Encoding": coding}) as response:
                body = await response.read()
                assert (response.headers.get("Content-Encoding") == "gzip") is compressed
                assert b"# TYPE dualstream_ready gauge" in (gzip.decompress(body) if compressed else body)


async def test_a_refused_start_is_counted(served: Served) -> None:
    async with served.http.post("/api/generations", json={**BODY, "model": "gpt-9"}) as response:
        assert response.status == 404
    assert (await scrape(served.http))["dualstream_refused_starts_total http native model_not_found"] == 1


class TestKeys:
    """A gateway with keys of clients, and one for the metrics."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file).model_copy(update={"metrics_key": SecretStr(KEY)})

    async def test_a_role_or_the_metrics_key_is_required(self, clients: Clients) -> None:
        for name, status in (("alice", 403), ("watcher", 200), ("operator", 200)):
            async with clients.named(name).get("/metrics") as response:
                assert response.status == status
        for credential, status in ((None, 401), (KEY, 200), (KEY[1:], 401)):
            async with clients.session(credential).get("/metrics") as response:
                assert response.status == status
        async with clients.socket("wrong") as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        refused = (await scrape(clients.session(KEY)))["dualstream_refused_requests_total auth_error"]
        assert refused == 3

    async def test_the_metrics_key_opens_nothing_else(self, clients: Clients) -> None:
        for path in ("/api/stats", "/api/models", "/metrics/", "/api/generations/g_x/events"):
            async with clients.session(KEY).get(path) as response:
                assert response.status == 401, path

    async def test_no_principal_is_named(self, clients: Clients) -> None:
        async with clients.named("alice").post("/api/generations", json=BODY) as response:
            assert response.status == 201
        await clients.served.called()
        async with clients.session(KEY).get("/metrics") as response:
            assert "alice" not in await response.text()
        clients.served.upstream.last.finish()


class TestOnlyTheMetricsKey:
    """A gateway without keys of clients: who sets a metrics key wants it to be required."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"metrics_key": SecretStr(KEY)})

    async def test_it_is_required(self, served: Served) -> None:
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {KEY}"}, 200)):
            async with served.http.get("/metrics", headers=headers) as response:
                assert response.status == status
        async with served.http.get("/api/stats") as response:
            assert response.status == 200
