"""Results as JSON: plain numbers in seconds and bytes; unknown figures are left out. Pure."""

import orjson

from gateway.cli.bench.transports.results import Measure, Results
from gateway.cli.bench.transports.sample import Answer, Failure, Sample


def to_json(results: Results) -> str:
    """Return all results as JSON: the figures, and what each answer showed."""
    plan, info, machine = results.plan, results.info, results.machine
    document: dict[str, object] = {
        "taken": info.taken,
        "interrupted": info.interrupted,
        "versions": dict(info.versions),
        "url": machine.url,
        "own_gateway": machine.is_own,
        "system": machine.system,
        "cpus": machine.cpus,
        "load": list(machine.load),
        "transports": list(plan.transports),
        "rounds": plan.rounds,
        "concurrency": plan.concurrency,
        "model": plan.model,
        "same_clock": results.same_clock,
        "measures": {measure.name: _measure(measure, results) for measure in results.measures},
        "failures": [
            {"transport": transport, "code": code, "message": message, "count": count}
            for transport, failures in results.failures.items()
            for (code, message), count in failures.items()
        ],
        "samples": [_sample(sample) for sample in results.samples],
        "cpu": [
            {
                "round": turn.round,
                "transport": turn.transport,
                "events": turn.events,
                "client_s": turn.client,
                "gateway_s": turn.gateway,
            }
            for turn in results.cpu
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _measure(measure: Measure, results: Results) -> dict[str, object]:
    first, *others = results.plan.transports
    return {
        "title": measure.title,
        "about": measure.about,
        "transports": {
            transport: {
                "p50": found.p50,
                "p99": found.p99,
                "count": found.count,
                "round_medians": list(found.rounds.values()),
            }
            for transport, found in measure.figures.items()
        },
        "differences": {
            transport: {
                "against": first,
                "median": found.median,
                "rounds_with_its_sign": found.same_sign,
                "rounds": found.rounds,
                "beyond_chance": found.is_real,
            }
            for transport in others
            if (found := measure.difference(transport, first)) is not None
        },
    }


def _sample(sample: Sample) -> dict[str, object]:
    head: dict[str, object] = {"round": sample.round, "transport": sample.transport}
    outcome = sample.outcome
    if isinstance(outcome, Failure):
        return {**head, "failure": outcome.code}
    if isinstance(outcome, Answer):
        return {
            **head,
            "accepted_s": outcome.accepted,
            "ttft_s": outcome.ttft,
            "events": outcome.events,
            "received_bytes": outcome.traffic.received,
            "sent_bytes": outcome.traffic.sent,
        }
    return {
        **head,
        "reconnect_s": outcome.reconnect,
        "stop_ack_s": outcome.stop_ack,
        "stop_end_s": outcome.stop_end,
    }
