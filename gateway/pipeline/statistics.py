"""What happened in the process since its start, as `GET /api/stats` shows it. Pure."""

from dataclasses import dataclass, field

from gateway.billing.savings import Savings
from gateway.generation.generation import Generation
from gateway.protocol.errors import Refused


@dataclass(slots=True)
class Statistics:
    """Counts of starts, ends and refusals. `cost_usd` is the cost of ended generations, as far as it is known."""

    started: int = 0
    complete: int = 0
    interrupted: int = 0
    error: int = 0
    cost_usd: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    """Refused starts, by code."""
    savings: Savings = field(default_factory=Savings)

    def count_refusal(self, refused: Refused) -> None:
        """Count a refused start."""
        code = refused.code.value
        self.refused[code] = self.refused.get(code, 0) + 1

    def count_end(self, generation: Generation, cost_usd: float) -> None:
        """Count a generation that has ended, and what an interrupt saved."""
        self.cost_usd += cost_usd
        match generation.state.value:
            case "complete":
                self.complete += 1
                self.savings.record_completed(generation.model, generation.output_tokens())
            case "interrupted":
                self.interrupted += 1
                attempt = generation.current_attempt
                price = None if attempt is None else attempt.price
                self.savings.record_interrupted(generation.model, generation.output_tokens(), price)
            case _:
                self.error += 1
