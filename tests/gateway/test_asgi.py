"""The ASGI extensions, and how their absence is handled."""

from starlette.types import Message, Receive, Scope, Send

from gateway.asgi import DEFERRED, DeferredServe, defer, direct_writer


async def receive() -> Message:
    raise NotImplementedError


async def send(_message: Message) -> None:
    raise NotImplementedError


def test_other_servers_have_no_direct_writer() -> None:
    assert direct_writer({"type": "http"}) is None
    assert direct_writer({"type": "http", "extensions": {"http.response.debug": {}}}) is None


async def test_serving_is_deferred_if_the_application_offers_it() -> None:
    served: list[tuple[Receive, Send]] = []

    async def serve(receive: Receive, send: Send) -> None:
        served.append((receive, send))

    deferred = DeferredServe()
    await defer({DEFERRED: deferred}, receive, send, serve)
    assert (deferred.serve, served) == (serve, [])
    scope: Scope = {}
    await defer(scope, receive, send, serve)
    assert served == [(receive, send)]
