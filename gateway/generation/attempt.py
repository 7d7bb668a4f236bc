"""One upstream call as the bill sees it: what was sent, what came, what it used and cost. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.billing.prices import Price
from gateway.billing.usage import estimate_input, estimate_output
from gateway.protocol.commands import Message
from gateway.protocol.events import Usage


@dataclass(slots=True, eq=False)
class Attempt:
    """One upstream call and what came of it. `text_bytes` counts reasoning and tool calls too: they are billed.

    `ended` is how: `answered`, `lost` (a race), `cancelled`, or a failure's code; None while it runs.
    """

    number: int
    revision: int
    messages: Sequence[Message]
    provider: str = ""
    upstream_model: str = ""
    price: Price | None = None
    continues: bool = False
    """It was sent the text of an attempt that died, to go on from."""
    text_bytes: int = 0
    usage: Usage | None = None
    usage_final: bool = False
    finish_reason: str | None = None
    opened: bool = False
    refused: bool = False
    ended: str | None = None
    _prompt: int | None = field(init=False, default=None)

    def used(self) -> Usage | None:
        """Give what it used; None if the provider did not take the call.

        A call that was cancelled before its answer began may have been taken: its prompt is counted. Figures that
        came before the provider's end mark are of a moment that is past: they are a floor, not exact.
        """
        return self.usage if self.usage_final or self.refused else self._estimated()

    def charged(self) -> float:
        """Give what a budget is charged for it: what it cost, by estimate where figures are missing; 0 at no price."""
        cost = self.cost()
        if cost is None and self.price is not None:
            cost = self.price.cost(self._estimated())
        return cost or 0.0

    def _estimated(self) -> Usage:
        """Give what it used, by estimate where the provider told nothing, or less than came."""
        said = self.usage or Usage(None, None, "estimated")
        return Usage(
            self._prompt_tokens() if said.input_tokens is None else said.input_tokens,
            max(said.output_tokens or 0, estimate_output(self.text_bytes)),
            "estimated",
            said.cached_input_tokens,
            said.reasoning_tokens,
        )

    def cost(self) -> float | None:
        """Give what it cost so far, in US dollars; None if the price or the tokens are not known."""
        used = self.used()
        if used is None:
            return 0.0
        return None if self.price is None else self.price.cost(used)

    def figures(self, usage: Usage, *, final: bool) -> None:
        """Take the provider's own figures; `final` when they came with its end mark or after it."""
        self.usage, self.usage_final = usage, final

    def forget_prompt(self) -> None:
        """Drop the messages, which may be large; what they used stays."""
        self._prompt, used = self._prompt_tokens(), self.used()
        self.usage, self.usage_final, self.messages = used, used is not None, ()

    def _prompt_tokens(self) -> int:
        # Asked again and again while it streams: the messages are long, and do not change.
        if self._prompt is None:
            self._prompt = estimate_input(self.messages)
        return self._prompt
