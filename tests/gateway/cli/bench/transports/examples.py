"""A result in which WebSocket has shorter delays and more bytes, and one answer has failed."""

from gateway.cli.bench.output import RunInfo
from gateway.cli.bench.transports.plan import Plan
from gateway.cli.bench.transports.results import Machine, Results, build_results
from gateway.cli.bench.transports.sample import Answer, Cpu, Failure, Recovery, Sample, Traffic
from gateway.client import TransportName

ROUNDS = 10
INFO = RunInfo("2026-11-29 17:00 UTC", {"dualstream": "1"})
MACHINE = Machine("http://127.0.0.1:8080", False, "Linux", 2, [0.25, None])


def answer(delay: float = 0.001, received: int = 1000, *, stamped: bool = True) -> Answer:
    delays = [delay, delay * 1.5, delay * 2] if stamped else []
    return Answer(0.003, 0.1, [0.01, 0.02], delays, 10, Traffic(received, 400))


def samples(rounds: int = ROUNDS, *, stamped: bool = True) -> list[Sample]:
    found: list[Sample] = []
    for number in range(rounds):
        noise = number % 3 / 10_000
        found += [
            Sample(number, "sse", answer(0.002 + noise, 1000, stamped=stamped)),
            Sample(number, "sse", Recovery(0.004 + noise, 0.003, 0.004)),
            Sample(number, "ws", answer(0.001 + noise, 1200, stamped=stamped)),
            Sample(number, "ws", Recovery(0.004 - noise, 0.001, 0.004)),
        ]
    return found


def cpu(transport: TransportName, number: int, gateway: float | None) -> Cpu:
    return Cpu(number, transport, 10, 0.001, gateway)


def mixed(*, stamped: bool = True) -> Results:
    failed = Sample(3, "ws", Failure("timeout", "The answer took <longer> than 60 seconds."))
    turns = [
        *(cpu("sse", number, 0.002) for number in range(ROUNDS)),
        *(cpu("ws", number, 0.002 + number / 1e6) for number in range(ROUNDS)),
    ]
    return build_results(Plan(rounds=ROUNDS), [*samples(stamped=stamped), failed], turns, INFO, MACHINE)
