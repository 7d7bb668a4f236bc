"""The plan of a run: which transports, how often, and in which order. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.client import TransportName
from gateway.client.frames import JsonMap

SIMULATED: Final = "sim?stamp=on&ttft=100&speed=400&length=1200"
"""Model that is measured by default: an answer of three seconds, whose chunks say when they were sent."""

AWAY_SECONDS: Final = 0.05
"""Time between losing a connection and attaching again: long enough for some chunks to be missed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`rounds`, in each of which every transport has a turn of `concurrency` answers at once.

    `cut_after`: chunks before a connection is cut, and again before the answer is stopped. `timeout` is in seconds.
    """

    transports: Sequence[TransportName] = ("sse", "ws")
    rounds: int = 10
    concurrency: int = 4
    model: str | None = SIMULATED
    prompt: str = "Describe how bread is made, from the grain to the loaf."
    timeout: float = 60.0
    cut_after: int = 5

    @property
    def total(self) -> int:
        """Return the number of samples: each answer is read once to its end, and once with a cut and a stop."""
        return self.rounds * self.concurrency * len(self.transports) * 2

    @property
    def body(self) -> JsonMap:
        """Return the body of a start. An answer runs on while its client is away."""
        model = {} if self.model is None else {"model": self.model}
        messages = [{"role": "user", "content": self.prompt}]
        return {"messages": messages, "options": {"on_disconnect": "continue"}, **model}

    def turns(self) -> Iterator[tuple[int, TransportName]]:
        """Yield the turns in order: the number of the round, and a transport.

        The transports take turns, so that a busy minute of the machine or the network hits all of them; each round
        begins with another one, so that none always follows the same one.
        """
        for number in range(self.rounds):
            start = number % len(self.transports)
            for transport in (*self.transports[start:], *self.transports[:start]):
                yield number, transport
