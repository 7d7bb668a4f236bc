"""Run all cases and the long measurements, and write docs/reports/reliability.md: `make faults`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.client import TransportName
from gateway.protocol.events import Complete, Error
from tests.integration.faults import admission, clients, draining, runner, upstream
from tests.integration.faults.case import Case
from tests.integration.faults.cases import CASES, GROUPS, SETUPS
from tests.integration.faults.page import SOAK, section, write_page
from tests.integration.faults.runner import TRANSPORTS, Observed, Results, deviations
from tests.integration.faults.scenario import Scenario
from tests.integration.faults.scenarios import SCENARIOS
from tests.integration.faults.servers import gateway
from tests.integration.servers import simulator_process

WAITING = 100
MINUTE = 60.0
PER_MINUTE, BURST = 500, 50
TABLE = ("| kind | what is injected | what clients get | at the upstream |", "|---|---|---|---|")
ENDED_BY = {
    "client": "closed by the gateway",
    "server": "closed by the upstream",
    "proxy": "broken by the network",
    None: "kept",
}

INTRODUCTION = """\
# Reliability

`make faults` writes this page. Each row below was observed on the machine and the day named at the end of this
introduction, with the gateway, the provider (the simulator, or a server that sends exact bytes) and the network between
them (a TCP proxy that injects faults) as real processes and sockets. `make test` runs the same cases in a shorter form.

What is guaranteed under every fault:

- **One end.** Each generation ends in exactly one terminal event, the last of its log, the same on SSE and WebSocket.
  What a client received, what either transport replays and what the snapshot contains is the same text, without gaps or
  duplicates.
- **No false success.** A truncated answer is `error` with `partial: true`, never `complete`; a body without a terminal
  event never ends cleanly. A retry is reported, and happens only before the first content, unless `failover` is on.
  (Two are not reported: a kept connection that the provider had closed, which is seen at once, is replaced by a new
  one, once per attempt; and a field that the provider refuses by name is left out.)
- **No loss.** Events logged before a fault stay readable on both transports; a client whose connection broke can resume
  on either.
- **No leak.** After each fault running, active, queued and viewers are back at 0, and standard error is empty.

What limits what:

| what may take too long, or be too much | setting | the client gets |
|---|---|---|
| waiting for a slot | `queue_timeout` | `queue_timeout` |
| more starts than queue places | `max_queue` | 503 or `rejected`, `queue_full` |
| more starts than one client may make | `rate_limit_per_minute`, `rate_limit_burst` | 429 or `rejected`, `rate_limit` |
| connecting to the provider | `connect_timeout` | `network_error` |
| the first content (heartbeats do not count) | `first_token_timeout` | `first_token_timeout` |
| silence between contents (heartbeats do not count) | `stall_timeout` | `stalled` |
| a whole answer, with all its attempts | `total_timeout` | `timeout` |
| a slow stream | `min_chars_per_second` | `too_slow` |
| text without end | `max_output_bytes` | `output_limit` |
| one event of a provider's stream | `max_event_bytes` | `event_too_large` |
| prompts in memory | `max_prompt_bytes`, `max_prompt_bytes_per_client` | 503 or `rejected`, `queue_full` |
| attempts for one answer | `max_attempts`, `retry_within`, a provider's retry budget | the last attempt's error |
| calls to a provider that keeps failing | `breaker_failures`, `breaker_rest` | `server_error`, with the time to wait |
| a client that does not read | `viewer_timeout` | a reset; it can resume |
| a generation without viewers | `grace` | `interrupted` by `disconnect` |
| shutdown after SIGTERM | `drain_timeout` | `shutting_down`, retryable |
"""


def main() -> int:
    """Run everything; write the page if there are no deviations. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=MINUTE, help="duration of the measurement of the rate limit")
    options = parser.parse_args()
    results = asyncio.run(runner.run())
    wrong = _wrong(results)
    sections = [
        _introduction(),
        _faults(results),
        _scenarios(wrong),
        *_measured(options.seconds, wrong),
        section(SOAK),
    ]
    if wrong:
        print("\n".join(wrong), "The page was not changed.", sep="\n")
        return 1
    write_page(sections)
    print(f"{len(CASES)} cases on {len(TRANSPORTS)} transports, and the measurements: no deviations")
    return 0


def _wrong(results: Results) -> list[str]:
    wrong = [
        f"{case.name}, {transport}: {deviation}"
        for case in CASES
        for transport in TRANSPORTS
        for deviation in deviations(case, results.seen[case.name, transport])
    ]
    wrong += [f"{name}: left over: {leftover}" for name, leftover in results.leftover.items() if leftover]
    return wrong + [f"{name}: {line}" for name, lines in results.log_errors.items() for line in lines]


def _introduction() -> str:
    environment = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    return f"{INTRODUCTION}\nMeasured on {environment}; times are from that machine."


def _faults(results: Results) -> str:
    lines = [
        "## Faults",
        "",
        "Each case ran on SSE and on WebSocket; where only one answer is given, both got the same. The text that the",
        "client got is whole, a prefix of the whole text, or none. The gateway makes one attempt, unless the settings",
        "in brackets say more; they are below the tables.",
    ]
    for group, cases in GROUPS.items():
        lines += ["", f"### {group}", "", *TABLE, *(_row(case, results) for case in cases)]
    lines += ["", "### Settings of the cases", "", "| settings | |", "|---|---|"]
    for setup in SETUPS:
        settings = ", ".join(f"`{name}={value}`" for name, value in setup.settings.items())
        lines.append(f"| {setup.name} | {settings} |")
    return "\n".join(lines)


def _row(case: Case, results: Results) -> str:
    seen = [results.seen[case.name, transport] for transport in TRANSPORTS]
    clients_get = list(dict.fromkeys(map(_client, seen)))
    if len(clients_get) > 1:
        clients_get = [f"{_transport_name(name)}: {got}" for name, got in zip(TRANSPORTS, clients_get, strict=True)]
    upstreams = list(dict.fromkeys(map(_upstream, seen)))
    # One attempt is usual, and said once.
    injected = case.fault if case.setup.name.endswith("one attempt") else f"{case.fault} ({case.setup.name})"
    return f"| {' | '.join([case.name, injected, '; '.join(clients_get), '; '.join(upstreams)])} |"


def _scenarios(wrong: list[str]) -> str:
    """Run the scenarios one after the other; add deviations to `wrong`."""
    lines = ["## Bad days", "", "Faults of several steps, of the machine, of many clients, and of operators."]
    for group, scenarios in SCENARIOS.items():
        lines += ["", f"### {group}", "", *TABLE]
        for scenario in scenarios:
            seen = asyncio.run(scenario())
            wrong += [f"{seen.kind}: {deviation}" for deviation in seen.deviations]
            lines.append(_scenario_row(seen))
    return "\n".join(lines)


def _scenario_row(seen: Scenario) -> str:
    client = f"not run: {seen.skipped}" if seen.skipped else seen.client
    return f"| {seen.kind} | {seen.injected} | {client} | {seen.upstream or '-'} |"


def _client(seen: Observed) -> str:
    retries = [f"`retry` ({retry.code})" for retry in seen.retries]
    return ", ".join([*retries, *_end(seen), f"text {_text(seen)}"])


def _end(seen: Observed) -> list[str]:
    match seen.terminal:
        case Complete():
            return ["`complete`"]
        case Error() as error:
            flags = [name for name, is_so in (("partial", error.partial), ("retryable", error.retryable)) if is_so]
            return [f"`{error.code}`", *flags]
        case other:
            return [repr(other)]


def _text(seen: Observed) -> str:
    if seen.text == seen.full_text:
        return "whole"
    return ("prefix" if seen.full_text.startswith(seen.text) else "wrong") if seen.text else "none"


def _upstream(seen: Observed) -> str:
    if not seen.calls:
        return "no call"
    calls = "1 call" if seen.calls == 1 else f"{seen.calls} calls"
    return f"{calls}, {'the last ' if seen.calls > 1 else ''}{ENDED_BY[seen.ended_by]}"


def _measured(seconds: float, wrong: list[str]) -> list[str]:
    """Run the measurements and return their sections; add deviations to `wrong`."""
    with simulator_process() as provider:
        return [
            _fairness(provider, wrong),
            _limiter(provider, seconds, wrong),
            _draining(wrong),
            _recovery(wrong),
            _clients(provider, wrong),
        ]


def _fairness(provider: str, wrong: list[str]) -> str:
    settings = {"DUALSTREAM_MAX_CONCURRENT": "1", "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1"}
    with gateway(provider, settings) as running:
        seen = [asyncio.run(admission.fairness(running, transport, WAITING)) for transport in TRANSPORTS]
    wrong += [f"fairness: {deviation}" for fairness in seen for deviation in fairness.deviations()]
    lines = [
        "## Fairness",
        "",
        f"One slot; one principal has {WAITING} generations waiting, then another principal starts one. Times are",
        "from the release of the slot; each answer holds it for about 35 ms.",
        "",
        "| transport of the one | its first position | its wait | median of the hundred | longest of the hundred |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_transport_name(row.transport)} | {row.position} of {row.waiting + 1} | {row.wait_ms:.0f} ms "
        f"| {row.median_ms:.0f} ms | {row.longest_ms:.0f} ms |"
        for row in seen
    ]
    return "\n".join(lines)


def _limiter(provider: str, seconds: float, wrong: list[str]) -> str:
    settings = {
        "DUALSTREAM_RATE_LIMIT_PER_MINUTE": str(PER_MINUTE),
        "DUALSTREAM_RATE_LIMIT_BURST": str(BURST),
        "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1",
    }

    async def measure() -> Sequence[admission.RateLimit]:
        with gateway(provider, settings) as running:
            measurements = (
                admission.limiter(running, transport, PER_MINUTE, BURST, seconds) for transport in TRANSPORTS
            )
            return await asyncio.gather(*measurements)

    seen = asyncio.run(measure())
    wrong += [f"rate limit: {deviation}" for limit in seen for deviation in limit.deviations()]
    lines = [
        "## Rate limit",
        "",
        f"{PER_MINUTE} starts per minute, a burst of {BURST}; a client tries every 10 ms. It must get the burst and",
        "what the rate adds. Early: accepted before the time that the last refusal advised; late: refused after it.",
        "",
        "| transport | seconds | tried | configured | accepted | early | late |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {_transport_name(row.transport)} | {row.seconds:.1f} | {row.tried:,} | {row.max_accepted:.0f} "
        f"| {row.accepted} | {row.early} | {row.late} |"
        for row in seen
    ]
    return "\n".join(lines)


def _draining(wrong: list[str]) -> str:
    seen = asyncio.run(draining.drain(10, 10, 5))
    wrong += [f"SIGTERM: {deviation}" for deviation in seen.deviations(10, 10, 5)]
    return "\n".join(
        [
            "## SIGTERM",
            "",
            "20 answers run, half on each transport: 10 complete within the `drain_timeout` of 5 s, 10 do not.",
            "",
            seen.timeline.table(),
        ]
    )


def _recovery(wrong: list[str]) -> str:
    seen = asyncio.run(upstream.recovery(2))
    budget = asyncio.run(upstream.retry_budget(50))
    wrong += [f"upstream: {deviation}" for deviation in (*seen.deviations(), *budget.deviations())]
    return "\n".join(
        [
            "## An upstream that dies and recovers",
            "",
            "`max_attempts` 1, `breaker_failures` 3, `breaker_rest` 2 s.",
            "",
            seen.timeline.table(),
            "",
            f"An upstream that always returns 500: {budget.starts} concurrent starts, `max_attempts` 4, no breaker.",
            f"It gets {budget.calls} calls (the retry budget allows 10 retries, and one more per five first attempts).",
        ]
    )


def _clients(provider: str, wrong: list[str]) -> str:
    settings = {
        "DUALSTREAM_GRACE": "1",
        "DUALSTREAM_MAX_CONCURRENT": "0",
        "DUALSTREAM_VIEWER_TIMEOUT": "1",
        "DUALSTREAM_MAX_OUTPUT_BYTES": str(clients.LARGE_OUTPUT_BYTES),
    }
    with gateway(provider, settings) as running:
        killed = asyncio.run(clients.kill_half(running, provider, 50))
        unread = [asyncio.run(clients.does_not_read(running, provider, transport)) for transport in TRANSPORTS]
        wrong += [f"clients: {deviation}" for deviation in killed.deviations() + running.log_errors()]
    wrong += [f"clients: {deviation}" for slow in unread for deviation in slow.deviations()]
    lines = [
        "## Half of the clients are killed",
        "",
        "`grace` 1 s.",
        "",
        killed.timeline.table(),
        "",
        "## A client that does not read",
        "",
        "`viewer_timeout` 1 s; an answer of 5,000,000 characters, of which it reads only the beginning.",
        "",
        "| transport | disconnected after | connection freed, in the kernel as well | the client gets | resumed |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_transport_name(row.transport)} | {row.after_s:.2f} s | {row.freed_s * 1000:.0f} ms later | {row.end} "
        f"| {'the whole text' if row.resumed_whole else 'NOT the whole text'} |"
        for row in unread
    ]
    return "\n".join(lines)


def _transport_name(transport: TransportName) -> str:
    return "SSE" if transport == "sse" else "WebSocket"


if __name__ == "__main__":
    sys.exit(main())
