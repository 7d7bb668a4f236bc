"""The options of a start, for type checkers. The gateway validates them (gateway/protocol/options.py)."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

OnDisconnect = Literal["grace", "cancel", "continue"]


class StartOptions(TypedDict, total=False):
    """Options of a start: parameters for the provider, and those of the gateway.

    `on_disconnect` is what happens when the last viewer leaves, `coalesce_ms` how long text is joined for each viewer.
    """

    temperature: float
    top_p: float
    max_tokens: int
    max_completion_tokens: int
    stop: str | Sequence[str]
    seed: int
    presence_penalty: float
    frequency_penalty: float
    tools: Sequence[Mapping[str, object]]
    tool_choice: str | Mapping[str, object]
    parallel_tool_calls: bool
    response_format: Mapping[str, object]
    reasoning_effort: str
    logprobs: bool
    top_logprobs: int
    user: str
    on_disconnect: OnDisconnect
    coalesce_ms: int
