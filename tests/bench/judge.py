"""What a load and the provider saw, as figures and as faults. Pure."""

from dataclasses import dataclass

from tests.bench.figures import Figures, spread
from tests.bench.measurement import Usage
from tests.bench.scenarios import Shape
from tests.bench.wire import Served, Stopped, Tally

MICROSECOND, MILLISECOND, SECOND = 1e3, 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Outcome:
    """One load, over."""

    shape: Shape
    tally: Tally
    served: Served

    @property
    def closes(self) -> dict[int, tuple[int, int]]:
        """When the provider saw each stream's connection closed, and how many tokens it had sent."""
        return {stream: (at, sent) for stream, at, sent in self.served.closes}


def figures(outcome: Outcome, usage: Usage, provider_cpu: int) -> Figures:
    """Give all that can be told in numbers."""
    tally, shape = outcome.tally, outcome.shape
    tokens, requests = max(1, tally.tokens), max(1, tally.requests)
    told = {
        "cpu_us_per_token": usage.cpu / tokens / MICROSECOND,
        "cpu_ms_per_request": usage.cpu / requests / MILLISECOND,
        "cores": usage.cpu / SECOND / usage.seconds,
        "memory_mb": usage.memory_peak / 2**20,
        "memory_before_mb": usage.memory_before / 2**20,
        "kb_per_stream": (usage.memory_peak - usage.memory_before) / 1024 / shape.streams,
        "seconds": tally.wall / SECOND,
        "tokens": float(tally.tokens),
        "events": float(tally.events),
        "requests": float(tally.requests),
        "tokens_per_second": tally.tokens / max(1, tally.wall) * SECOND,
        "requests_per_second": tally.requests / max(1, tally.wall) * SECOND,
        "load_cpu_us_per_token": tally.cpu / tokens / MICROSECOND,
        "provider_cpu_us_per_token": provider_cpu / tokens / MICROSECOND,
        "others_cores": usage.others_busy,
        "stolen_cores": usage.stolen,
        **_named("delay", tally.delay),
        **_named("first_token", tally.first_token),
    }
    return told | _stops(outcome)


def faults(outcome: Outcome, *, must_close: bool) -> list[str]:
    """Say what went wrong, one line each; nothing is right."""
    tally, shape = outcome.tally, outcome.shape
    said = [f"{count} of {tally.requests} requests: {why}" for why, count in sorted(tally.failures.items())]
    said += [f"{count} tokens {what}" for what, count in tally.faults.items() if count]
    if tally.succeeded < shape.requests and not said:
        said.append(f"{tally.succeeded} of {shape.requests} requests succeeded")
    if past := sum(stopped.past_fence for stopped in tally.stopped):
        said.append(f"{past} events past the fence")
    if must_close and (unseen := len(_never_closed(outcome))):
        said.append(f"{unseen} of {len(tally.stopped)} streams never closed at the provider")
    return said


def _stops(outcome: Outcome) -> Figures:
    stopped = outcome.tally.stopped
    if not stopped:
        return {}
    closes = outcome.closes
    times = [(closes[one.stream][0] - one.at) / MILLISECOND for one in stopped if one.stream in closes]
    # Of a stream that was never closed all tokens are made.
    whole = (0, outcome.shape.answer.tokens)
    unseen = [closes.get(one.stream, whole)[1] - one.seen for one in stopped]
    return {
        **_named("close", spread(times)),
        "unseen_tokens": sum(unseen) / len(unseen),
        "never_closed": float(len(_never_closed(outcome))),
        "past_fence": float(sum(one.past_fence for one in stopped)),
    }


def _never_closed(outcome: Outcome) -> list[Stopped]:
    closes = outcome.closes
    return [one for one in outcome.tally.stopped if one.stream not in closes]


def _named(name: str, told: Figures) -> Figures:
    return {f"{name}_{which}_ms": value for which, value in told.items()}
