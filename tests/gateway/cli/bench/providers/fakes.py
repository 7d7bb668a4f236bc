"""Subjects, samples and results with given values."""

from collections.abc import Sequence

from gateway.billing.prices import Price
from gateway.cli.bench.output import RunInfo
from gateway.cli.bench.providers.plan import Plan, Subject
from gateway.cli.bench.providers.results import Results, build_results
from gateway.cli.bench.providers.sample import Sample
from gateway.protocol.events import Usage
from gateway.routing.target import Target
from gateway.upstreams.base import Upstream
from tests.scripted_upstream import ScriptedUpstream


def subject(name: str, price: Price | None = None, upstream: Upstream | None = None) -> Subject:
    return Subject(f"scripted/{name}", name, Target(upstream or ScriptedUpstream(), price=price))


def answered(ttft: float, *, tokens: tuple[int, int] = (20, 160), exact: bool = True) -> Sample:
    return Sample(
        duration=ttft + 2,
        ttft=ttft,
        chars=640,
        streamed_chars=600,
        streamed_seconds=2.0,
        gaps=[0.5, 0.5, 1.0],
        usage=Usage(*tokens, "exact" if exact else "estimated"),
        sent_tokens=tokens[1],
    )


def failed(code: str, message: str = "It broke.") -> Sample:
    return Sample(1.0, failure=code, message=message)


def result(
    subjects: Sequence[Subject], samples: dict[str, list[Sample]], baseline: str | None = None, daily: int = 100_000
) -> Results:
    by_label = {f"scripted/{name}": list(listed) for name, listed in samples.items()}
    info = RunInfo("2026-11-22 12:00 UTC", {"dualstream": "1"})
    return build_results(Plan(subjects), by_label, daily, baseline, info)
