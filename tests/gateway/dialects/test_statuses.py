"""Clients of model APIs repeat a refused request exactly when the code says that this can help.

The rules of clients are those of their sources: openai-python and -node and both SDKs of Anthropic (`_should_retry`,
`shouldRetry`), Codex (codex-rs/codex-client/src/retry.rs, codex-rs/protocol/src/error.rs), Claude Code (its binary),
google-genai (`_RETRY_HTTP_STATUS_CODES`), the AI SDK (`APICallError.isRetryable`).
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.dialects.statuses import final_status, is_repeated, retry_headers
from gateway.protocol.errors import CODES, Code, Refused
from tests.gateway.dialects.api_clients import CLIENTS as CLIENTS_OF_APIS
from tests.gateway.dialects.api_clients import ApiClient
from tests.gateway.dialects.tables import MODEL_APIS, retry_table
from tests.served.clients import KEYS, keys_file, with_keys
from tests.served.gateway import Served
from tests.served.viewers import until

__all__ = ["keys_file"]

RETRYABLE_EITHER_WAY = [(code, retryable) for code in Code for retryable in {CODES[code].retryable, False}]


def sdk(status: int, headers: Mapping[str, str]) -> bool:
    return {"true": True, "false": False}.get(headers["X-Should-Retry"], is_repeated(status))


def claude_code(status: int, headers: Mapping[str, str]) -> bool:
    return headers["X-Should-Retry"] == "true" or (headers["X-Should-Retry"] != "false" and status not in {400, 404})


def codex(status: int, _headers: Mapping[str, str]) -> bool:
    return status != 400


def ai_sdk(status: int, _headers: Mapping[str, str]) -> bool:
    return status in {408, 409, 429} or status >= 500


def google_genai(status: int, _headers: Mapping[str, str]) -> bool:
    return status in {408, 429, 500, 502, 503, 504}


RULES: Mapping[str, tuple[Callable[[int, Mapping[str, str]], bool], ...]] = {
    "openai_chat": (sdk, ai_sdk),
    "openai_responses": (sdk, ai_sdk, codex),
    "anthropic": (sdk, ai_sdk, claude_code),
    "gemini": (google_genai, ai_sdk),
}

CODEX_REPEATS = {Code.AUTH_ERROR, Code.FORBIDDEN, Code.GENERATION_LOST}
"""Codes whose exceptions programs catch: they keep their statuses, although Codex tries six times."""


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("code", "retryable"), RETRYABLE_EITHER_WAY)
def test_clients_repeat_exactly_what_is_retryable(name: str, code: Code, retryable: bool) -> None:
    refused = Refused(code, "It is refused.")
    refused.retryable = retryable
    status, headers = MODEL_APIS[name].status(refused), retry_headers(refused)
    for repeats in RULES[name]:
        if repeats is codex and code in CODEX_REPEATS:
            continue
        assert repeats(status, headers) is retryable, (repeats.__name__, status)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("code", [code for code in Code if CODES[code].retryable])
def test_what_may_be_repeated_has_the_status_of_its_code(name: str, code: Code) -> None:
    assert MODEL_APIS[name].status(Refused(code, "Later.")) == CODES[code].status


@pytest.mark.parametrize(("own", "final"), [(502, 424), (429, 424), (409, 422), (402, 402), (404, 404), (400, 400)])
def test_a_final_refusal_has_a_status_that_is_not_repeated(own: int, final: int) -> None:
    refused = Refused(Code.PROVIDER_AUTH, "No.", status=own)
    assert final_status(refused) == final
    assert not is_repeated(final)


def test_the_time_to_wait_is_sent_in_milliseconds() -> None:
    assert retry_headers(Refused(Code.RATE_LIMIT, "Later.", retry_after_ms=1500)) == {
        "X-Should-Retry": "true",
        "Retry-After-Ms": "1500",
    }


def test_the_documentation_has_the_table() -> None:
    assert retry_table() in Path("docs/reference/model-apis.md").read_text("utf-8")


class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"rate_limit_per_minute": 1, "rate_limit_burst": 1, "max_concurrent": 1})

    @pytest.mark.parametrize("client", CLIENTS_OF_APIS.values(), ids=list(CLIENTS_OF_APIS))
    async def test_a_rate_limit_says_when_to_come_back(self, served: Served, client: ApiClient) -> None:
        first = asyncio.ensure_future(client.post(served.http, stream=True).__aenter__())
        await served.called()
        async with client.post(served.http, stream=True) as response:
            assert (response.status, response.headers["X-Should-Retry"]) == (429, "true")
            assert response.headers["Retry-After"] == "60"
            assert response.headers["Retry-After-Ms"] == "60000"
        served.upstream.last.send("Xin ")
        served.upstream.last.finish()
        async with await first as response:
            await response.read()


class TestQueue:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_concurrent": 1, "max_queue": 1, "queue_timeout": 10})

    @pytest.mark.parametrize("client", CLIENTS_OF_APIS.values(), ids=list(CLIENTS_OF_APIS))
    async def test_a_full_queue_and_a_long_wait_may_be_tried_again(self, served: Served, client: ApiClient) -> None:
        first = asyncio.ensure_future(client.post(served.http, stream=True).__aenter__())
        await served.called()
        second = asyncio.ensure_future(client.post(served.http, stream=True).__aenter__())
        await until(lambda: served.hub.slots.queued == 1)
        async with client.post(served.http, stream=True) as response:
            assert (response.status, response.headers["X-Should-Retry"]) == (503, "true")
        served.clock.advance(10)
        async with await second as response:
            assert (response.status, response.headers["X-Should-Retry"]) == (503, "true")
            assert response.headers["X-Generation-ID"]
        served.upstream.last.send("Xin ")
        served.upstream.last.finish()
        async with await first as response:
            await response.read()


class TestWithKeys:
    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file)

    @pytest.mark.parametrize("client", CLIENTS_OF_APIS.values(), ids=list(CLIENTS_OF_APIS))
    @pytest.mark.parametrize("header", ["Authorization", "x-api-key", "x-goog-api-key"])
    async def test_a_key_may_come_in_each_header_and_a_wrong_one_is_final(
        self, served: Served, client: ApiClient, header: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(0)
        scheme = "Bearer " if header == "Authorization" else ""
        for key in ("ds_wrong.key", f"{KEYS['alice'].text()[:-1]}!", ""):
            async with client.post(served.http, stream=True, headers={header: scheme + key}) as response:
                assert (response.status, response.headers["X-Should-Retry"]) == (401, "false")
                error = (await response.json())["error"]
                assert not key or key not in str(error)
        right = KEYS["alice"].text()
        task = asyncio.ensure_future(
            client.post(served.http, stream=True, headers={header: scheme + right}).__aenter__()
        )
        await served.called()
        assert right not in repr(served.upstream.last.request)
        served.upstream.last.send("Xin ")
        served.upstream.last.finish()
        async with await task as response:
            assert response.status == 200
            await response.read()
        assert KEYS["alice"].secret not in caplog.text
