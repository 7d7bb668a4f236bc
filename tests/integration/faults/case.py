"""What a case is: a fault, the settings of the gateway, and what must follow. Data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.protocol.errors import Code
from tests.integration.faults.proxy import Mode, Pass, Side
from tests.integration.faults.scripted_provider import Answer

Text = Literal["whole", "prefix", "none"]


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of the gateway that several cases share. `scripted`: its provider sends exact bytes."""

    name: str
    settings: Mapping[str, str]
    scripted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the client must get. `code` None is `complete`; `retried` are the codes of the `retry` events before."""

    code: Code | None = None
    retryable: bool = False
    partial: bool = False
    text: Text = "whole"
    retried: Sequence[Code] = ()
    min_longest_wait_ms: float = 0
    """Minimum of the longest wait before a retry: a provider's Retry-After is respected."""


COMPLETE = Expected()


def error(code: Code, text: Text, *, retryable: bool = True, retried: Sequence[Code] = (), wait: float = 0) -> Expected:
    """Return the expectation of an error; it is partial if there is text."""
    return Expected(
        code=code,
        retryable=retryable,
        partial=text != "none",
        text=text,
        retried=retried,
        min_longest_wait_ms=wait,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault. `calls` is the number of calls to the upstream; `ended_by` the side that ended the last connection.

    `ended_by` None: the connection was kept for the next call. "either": a race that either side may win. A provider
    that is scripted sends `answers`, of which `whole` is the text; with `warmed`, an answer before has left a kept
    connection.
    """

    name: str
    fault: str
    setup: Setup
    model: str = "sim?ttft=0&speed=0&length=300"
    modes: Sequence[Mode] = field(default=(Pass(),))
    answers: Sequence[Answer] = ()
    whole: str = "One two three"
    warmed: bool = False
    expected: Expected
    calls: int = 1
    usage_unknown: bool = False
    """The usage of the end must not be told as an exact 0: the provider took a call that brought nothing."""
    ended_by: Side | Literal["either"] | None

    @property
    def requested(self) -> str:
        """Return the model that the client requests, without its seed."""
        return f"{self.name.replace(' ', '-')}?" if self.answers else self.model

    @property
    def is_exclusive(self) -> bool:
        """Return True if it needs the proxy for itself: for its modes, or a connection without earlier calls."""
        return self.modes != (Pass(),) or "fault=refuse" in self.model or self.warmed
