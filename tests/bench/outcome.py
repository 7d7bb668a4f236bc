"""The outcome of a load: figures and faults, from what the load generator and the provider report. Pure."""

from dataclasses import dataclass

from tests.bench.figures import Figures, spread
from tests.bench.messages import ProviderStats, StoppedStream, Tally
from tests.bench.meter import SteadyUsage, Usage
from tests.bench.processes import StartUsage
from tests.bench.scenarios import Shape

MICROSECOND, MILLISECOND, SECOND = 1e3, 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Outcome:
    """A load that has ended."""

    shape: Shape
    tally: Tally
    provider: ProviderStats

    @property
    def closes(self) -> dict[int, tuple[int, int]]:
        """Return, by stream, when the provider noticed a disconnect, and how many tokens it had sent by then."""
        return {stream: (at, sent) for stream, at, sent in self.provider.closes}


def figures(outcome: Outcome, usage: Usage, provider_cpu: int) -> Figures:
    """Return all figures of a load."""
    tally, shape = outcome.tally, outcome.shape
    tokens, requests = max(1, tally.tokens), max(1, tally.requests)
    found = {
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
        **_with_prefix("delay", tally.delay),
        **_with_prefix("first_token", tally.first_token),
    }
    if usage.store_cpu:
        found["store_us_per_token"] = usage.store_cpu / tokens / MICROSECOND
    if shape.window is not None:
        for name in ("cpu_us_per_token", "store_us_per_token"):
            found.pop(name, None)
        found |= _steady_figures(usage.steady)
        if usage.steady is None:
            del found["kb_per_stream"]
    return found | _stop_figures(outcome)


def start_figures(usage: StartUsage) -> Figures:
    """Return the figures of a server's start."""
    return {
        "start_cpu_s": usage.cpu / SECOND,
        "start_seconds": usage.seconds,
        "start_memory_mb": usage.memory / 2**20,
    }


def faults(outcome: Outcome, *, must_close: bool) -> list[str]:
    """Return descriptions of everything that went wrong.

    With `must_close`, a connection to the provider that stays open after its client has disconnected is a fault.
    """
    tally, shape = outcome.tally, outcome.shape
    found = [f"{count} of {tally.requests} requests: {why}" for why, count in sorted(tally.failures.items())]
    found += [f"{count} tokens {fault}" for fault, count in tally.faults.items() if count]
    if tally.succeeded < shape.requests and not found:
        found.append(f"{tally.succeeded} of {shape.requests} requests succeeded")
    if past := sum(stopped.past_fence for stopped in tally.stopped):
        found.append(f"{past} events after the fence")
    if must_close and (unseen := len(_never_closed(outcome))):
        found.append(f"{unseen} of {len(tally.stopped)} streams never closed at the provider")
    return found


def _stop_figures(outcome: Outcome) -> Figures:
    stopped = outcome.tally.stopped
    if not stopped:
        return {}
    closes = outcome.closes
    times = [(closes[each.stream][0] - each.at) / MILLISECOND for each in stopped if each.stream in closes]
    # A stream whose connection is never closed is generated to its end.
    never = (0, outcome.shape.answer.tokens)
    unseen = [closes.get(each.stream, never)[1] - each.seen for each in stopped]
    return {
        **_with_prefix("close", spread(times)),
        "unseen_tokens": sum(unseen) / len(unseen),
        "never_closed": float(len(_never_closed(outcome))),
        "past_fence": float(sum(each.past_fence for each in stopped)),
    }


def _steady_figures(usage: SteadyUsage | None) -> Figures:
    if usage is None or not usage.tokens:
        return {}
    per_token = 1 / usage.tokens / MICROSECOND
    store = {"store_us_per_token": usage.store * per_token} if usage.store else {}
    return {
        "cpu_us_per_token": (usage.user + usage.kernel) * per_token,
        "user_us_per_token": usage.user * per_token,
        "kernel_us_per_token": usage.kernel * per_token,
        **store,
    }


def _never_closed(outcome: Outcome) -> list[StoppedStream]:
    closes = outcome.closes
    return [each for each in outcome.tally.stopped if each.stream not in closes]


def _with_prefix(name: str, spread: Figures) -> Figures:
    return {f"{name}_{quantile}_ms": value for quantile, value in spread.items()}
