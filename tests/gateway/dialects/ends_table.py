"""Each end of ours in each dialect: what tests expect, and the table in docs/reference/model-apis.md."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import ToolCall, Usage
from gateway.upstreams.formats.parts import REFUSAL
from tests.gateway.dialects.api_clients import CUT
from tests.gateway.dialects.tables import OURS, TITLES
from tests.served.gateway import Served
from tests.served.viewers import JsonObject

FAILURE: Final = "refused"
"""A response that is not streamed has the status of the code, as if nothing had come."""

USAGE: Final = Usage(5, 3, "exact")


class End(NamedTuple):
    """An end: how it comes about, and the ends of a streamed response by dialect.

    A response that is not streamed ends in the same way, except for `whole`.
    """

    title: str
    act: Callable[[Served], Awaitable[None]]
    streamed: tuple[str, str, str, str]
    repeated: bool = False
    """Clients send the request again."""
    whole: str | None = None
    code: Code | None = None


def _finish(reason: str) -> Callable[[Served], Awaitable[None]]:
    async def act(served: Served) -> None:
        served.upstream.last.finish(reason, USAGE)

    return act


def _fail(code: Code) -> Callable[[Served], Awaitable[None]]:
    async def act(served: Served) -> None:
        served.upstream.last.fail(Failed(code, "It failed."))

    return act


def _command(name: str, body: JsonObject) -> Callable[[Served], Awaitable[None]]:
    async def act(served: Served) -> None:
        async with served.http.post(f"/api/generations/{served.only.id}/{name}", json=body) as response:
            assert response.status == 202

    return act


async def _call_tool(served: Served) -> None:
    served.upstream.last.send(ToolCall(0, "call_1", "look", '{"at":1}'))
    served.upstream.last.finish("tool_calls", USAGE)


async def _refuse(served: Served) -> None:
    served.upstream.last.send(REFUSAL, "No.")
    served.upstream.last.finish("stop", USAGE)


async def _shut_down(served: Served) -> None:
    await served.hub.close()


_CUT: Final = (CUT,) * 4
_STOPPED: Final = ("`stop`", "`response.completed`, `cancelled`", "`end_turn`", "`STOP`")


def _cut(title: str, code: Code) -> End:
    return End(title, _fail(code), _CUT, True, FAILURE, code)


ENDS: Final = (
    End("complete", _finish("stop"), ("`stop`", "`response.completed`, `completed`", "`end_turn`", "`STOP`")),
    End(
        "length",
        _finish("length"),
        ("`length`", "`response.incomplete`, `incomplete` `max_output_tokens`", "`max_tokens`", "`MAX_TOKENS`"),
    ),
    End("tool calls", _call_tool, ("`tool_calls`", "`response.completed`, `completed`", "`tool_use`", "`STOP`")),
    End(
        "filtered by the provider",
        _finish("content_filter"),
        ("`content_filter`", "`response.completed`, `incomplete` `content_filter`", "`refusal`", "`SAFETY`"),
    ),
    End("refusal by the model", _refuse, ("`stop`", "`response.completed`, `completed`", "`refusal`", "`STOP`")),
    End("interrupt, by this client or another", _command("interrupt", {"reason": "enough"}), _STOPPED),
    End("feedback with `stop`", _command("feedback", {"mode": "stop", "text": "bad"}), _STOPPED),
    End(
        "budget spent",
        _fail(Code.BUDGET_EXCEEDED),
        _STOPPED,
        False,
        FAILURE,
        Code.BUDGET_EXCEEDED,
    ),
    End(
        "output limit of the gateway",
        _fail(Code.OUTPUT_LIMIT),
        ("`length`", "`response.incomplete`, `incomplete` `max_output_tokens`", "`max_tokens`", "`MAX_TOKENS`"),
        False,
        FAILURE,
        Code.OUTPUT_LIMIT,
    ),
    End(
        "`content_filter` as an error",
        _fail(Code.CONTENT_FILTER),
        ("`content_filter`", "`response.completed`, `incomplete` `content_filter`", "`refusal`", "`SAFETY`"),
        False,
        FAILURE,
        Code.CONTENT_FILTER,
    ),
    _cut("provider's connection cut", Code.TRUNCATED),
    _cut("provider's connection lost", Code.NETWORK_ERROR),
    _cut("provider silent", Code.STALLED),
    _cut("provider too slow", Code.TOO_SLOW),
    _cut("`total_timeout`", Code.TIMEOUT),
    _cut("provider breaks its own format", Code.UPSTREAM_PROTOCOL),
    End("shutdown of the gateway", _shut_down, _CUT, True, FAILURE, Code.SHUTTING_DOWN),
    End(
        "provider's error, may be retried",
        _fail(Code.SERVER_ERROR),
        (
            "error `server_error`",
            "`response.failed`, `failed` `server_error`",
            "error `api_error`",
            "error `UNAVAILABLE`",
        ),
        True,
        FAILURE,
        Code.SERVER_ERROR,
    ),
    End(
        "provider's rate limit",
        _fail(Code.RATE_LIMIT),
        (
            "error `rate_limit_exceeded`",
            "`response.failed`, `failed` `rate_limit_exceeded`",
            "error `rate_limit_error`",
            "error `RESOURCE_EXHAUSTED`",
        ),
        True,
        FAILURE,
        Code.RATE_LIMIT,
    ),
    End(
        "provider refuses the gateway's key",
        _fail(Code.PROVIDER_AUTH),
        (
            "error `provider_auth`",
            "`response.failed`, `failed` `invalid_prompt`",
            "error `api_error`",
            "error `FAILED_PRECONDITION`",
        ),
        False,
        FAILURE,
        Code.PROVIDER_AUTH,
    ),
    End(
        "event of the provider too large",
        _fail(Code.EVENT_TOO_LARGE),
        (
            "error `event_too_large`",
            "`response.failed`, `failed` `invalid_prompt`",
            "error `api_error`",
            "error `FAILED_PRECONDITION`",
        ),
        False,
        FAILURE,
        Code.EVENT_TOO_LARGE,
    ),
)


def ends_table() -> str:
    """Return the table of ends after the first content."""
    head = ["end", *(TITLES[name] for name in OURS), "repeated"]
    rows = [head, ["---"] * len(head)]
    rows += [[end.title, *end.streamed, "yes" if end.repeated else "no"] for end in ENDS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
