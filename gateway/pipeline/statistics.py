"""What happened in the process since its start, as `GET /api/stats` shows it. Pure."""

from dataclasses import dataclass, field

from gateway.billing.savings import Savings
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.protocol.errors import Refused
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target


def target_figures(models: ModelRegistry, now: float) -> list[dict[str, object]]:
    """Return the figures of each target, once, with the models that call it.

    Models of one upstream may share a target, as those of the simulator do: its counts are of all their calls. Where a
    client may request any name, there are calls for names that are not listed.
    """
    callers: dict[Target, list[str]] = {}
    for model in models.by_name.values():
        for target in model.targets:
            callers.setdefault(target, []).append(model.name)
    for target in models.unlisted_targets:
        callers.setdefault(target, [])
    return [
        {
            "model": names[0] if len(names) == 1 else None,
            "models": names,
            **target.stats(now),
            "upstream_model": target.upstream_model(names[0]) if len(names) == 1 else target.model,
        }
        for target, names in callers.items()
    ]


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
        match generation.state:
            case State.COMPLETE:
                self.complete += 1
                self.savings.record_completed(generation.model, generation.output_tokens())
            case State.INTERRUPTED:
                self.interrupted += 1
                attempt = generation.current_attempt
                price = None if attempt is None else attempt.price
                self.savings.record_interrupted(generation.model, generation.output_tokens(), price)
            case _:
                self.error += 1
