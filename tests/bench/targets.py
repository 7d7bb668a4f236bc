"""The servers that are measured, each with one of the APIs over which it is used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.messages import AnswerSpec, Request
from tests.bench.processes import CHECKOUT
from tests.bench.servers import (
    Start,
    express,
    find_missing_express,
    find_missing_litellm,
    find_missing_nginx,
    find_missing_redis,
    find_nothing_missing,
    gateway,
    gateway_with_redis,
    litellm,
    nginx,
)
from tests.bench.start_requests import (
    anthropic_messages,
    completions,
    polls,
    responses,
    seed_stream,
    socket,
    stream,
)

AGAINST = "@"
"""Stands between the name of a target and the revision of the gateway, if that is another one."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server and an API. `missing` returns why it can't be started here, or an empty string.

    Targets with the same `server` may share a process. `share` is the part of each load that the server can take.
    """

    name: str
    title: str
    server: str
    start: Start
    request: Callable[[AnswerSpec], Request]
    missing: Callable[[], str] = find_nothing_missing
    must_close: bool = True
    """Whether a connection to the provider that stays open is a fault; other servers leave it open by design."""
    share: float = 1

    @property
    def base(self) -> str:
        """Return the name without the revision."""
        return self.name.partition(AGAINST)[0]


def gateway_targets(checkout: Path) -> Sequence[Target]:
    """Return the targets of the gateway of a checkout."""
    memory = gateway(checkout)
    anthropic = gateway(checkout, {"DUALSTREAM_UPSTREAM_API": "anthropic"})
    openai_responses = gateway(checkout, {"DUALSTREAM_UPSTREAM_API": "openai-responses"})
    redis = gateway_with_redis(checkout)
    return (
        Target("sse", "SSE", "gateway", memory, stream),
        Target("websocket", "WebSocket", "gateway", memory, socket),
        Target("poll", "long poll", "gateway", memory, polls),
        Target("chat", "Chat Completions", "gateway", memory, completions),
        Target("messages", "Anthropic Messages", "gateway-anthropic", anthropic, anthropic_messages),
        Target("responses", "OpenAI Responses", "gateway-responses", openai_responses, responses),
        Target("redis", "SSE, Redis", "gateway-redis", redis, stream, find_missing_redis),
    )


OTHER_TARGETS = (
    Target("express", "Express", "express", express, seed_stream, find_missing_express, must_close=False),
    Target("nginx", "nginx", "nginx", nginx, completions, find_missing_nginx, must_close=False),
    Target(
        "litellm",
        "LiteLLM (a 20th of the load)",
        "litellm",
        litellm,
        completions,
        find_missing_litellm,
        must_close=False,
        share=1 / 20,
    ),
)

TARGETS = {target.name: target for target in (*gateway_targets(CHECKOUT), *OTHER_TARGETS)}


def targets_against(checkout: Path, revision: str) -> dict[str, Target]:
    """Return, by the name of each of our targets, the same one of another revision."""
    return {
        target.name: replace(
            target,
            name=f"{target.name}{AGAINST}{revision}",
            title=f"{target.title} {AGAINST}{revision}",
            server=f"{target.server}{AGAINST}{revision}",
        )
        for target in gateway_targets(checkout)
    }


def title_of(name: str) -> str:
    """Return the title of a target, which may be one of another revision."""
    base, at, revision = name.partition(AGAINST)
    return f"{TARGETS[base].title} {AGAINST}{revision}" if at else TARGETS[base].title
