"""The operations of the console."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.api.openapi import console_bodies
from gateway.api.openapi.components import EVENT_STREAM, INVALID_FIELDS, TOO_MANY_STREAMS, RefusalSpec, ResponseSpec
from gateway.api.openapi.operation import Operation
from gateway.protocol.errors import Code

_NOT_OPERATOR: Final = RefusalSpec(Code.FORBIDDEN, "The role `operate` is required.")
_STREAM: Final = replace(
    EVENT_STREAM,
    description=(
        "Server-Sent Events without an end: `snapshot`, then `change` with what differs from what this client was sent "
        "before, at most once a second. It ends when the credential does, or when the gateway drains."
    ),
    body="ConsoleFrame",
)

CONSOLE_OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "get",
        "/api/console/events",
        "consoleEvents",
        "console",
        "Stream what runs on all gateways, and its changes",
        (_STREAM,),
        (_NOT_OPERATOR, TOO_MANY_STREAMS),
        ("RequestId",),
    ),
    Operation(
        "get",
        "/api/console/history",
        "consoleHistory",
        "console",
        "Get the last hour of all gateways in buckets",
        (ResponseSpec(200, "The buckets.", console_bodies.ConsoleHistory),),
        (_NOT_OPERATOR, INVALID_FIELDS),
        ("AfterTime", "RequestId"),
    ),
    Operation(
        "get",
        "/api/console/recent",
        "consoleRecent",
        "console",
        "Get the newest 200 ends of all gateways, with their attempts",
        (ResponseSpec(200, "The ends.", console_bodies.ConsoleRecent),),
        (_NOT_OPERATOR,),
        ("RequestId",),
    ),
)
