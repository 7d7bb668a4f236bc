"""Run the whole catalogue and the long measurements, and write docs/reliability.md: `make faults`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.client import TransportName
from gateway.protocol.events import Complete, Error
from tests.integration.faults import admission, catalogue, clients, draining, upstream
from tests.integration.faults.cases import CASES, SETUPS, Case
from tests.integration.faults.catalogue import TRANSPORTS, Observed, Results, deviations
from tests.integration.faults.page import SOAK, section, write_page
from tests.integration.faults.servers import gateway
from tests.integration.servers import simulator_process

CROWD = 100
MINUTE = 60.0
PER_MINUTE, BURST = 500, 50
ENDED_BY = {"client": "closed by us", "server": "closed by it", "proxy": "cut by the network", None: "kept"}

INTRODUCTION = """\
# Reliability

`make faults` writes this page: each row below was seen, on the machine and the day named at the end of this
introduction, with the gateway, the provider (the simulator) and the network between them (a TCP proxy that does what
networks do) as real processes and sockets. The same cases run with `make test`, in a shorter form.

What is promised, whatever goes wrong:

- **One end.** Each generation ends in exactly one terminal event, the last of its log, the same on SSE and WebSocket.
  What a client saw, what either transport replays and what the snapshot says is the same text: no hole, nothing twice.
- **No lie.** An answer that broke off is `error` with `partial: true`, never `complete`; a body without a terminal
  event is never ended in order. A retry happens before the first content only, and is shown. (One thing is not: a
  kept connection that breaks before a byte of the answer has come is replaced by a fresh one, once for each attempt.)
- **No loss.** What was taken before a fault stays readable on both transports; a cut connection resumes anywhere.
- **No leak.** After each fault running, active, queued and viewers are back at 0, and standard error is silent.

What bounds what:

| what may take too long, or be too much | setting | the client sees |
|---|---|---|
| waiting for a slot | `queue_timeout` | `queue_timeout` |
| more waiting than there are places | `max_queue` | 503 or `rejected`, `queue_full` |
| more starts than one client may make | `rate_limit_per_minute`, `rate_limit_burst` | 429 or `rejected`, `rate_limit` |
| connecting to the provider | `connect_timeout` | `network_error` |
| the first content, heartbeats not counted | `first_token_timeout` | `first_token_timeout` |
| silence between contents, heartbeats not counted | `stall_timeout` | `stalled` |
| a whole answer, all its attempts | `total_timeout` | `timeout` |
| a trickle | `min_chars_per_second` | `too_slow` |
| text without end | `max_output_bytes` | `output_limit` |
| attempts for one answer | `max_attempts`, `retry_within`, a provider's retry budget | the last attempt's error |
| calls to a provider that keeps failing | `breaker_failures`, `breaker_rest` | `server_error`, with the time to wait |
| a client that does not read | `viewer_timeout` | a reset; it can resume |
| a generation nobody views | `grace` | `interrupted` by `disconnect` |
| an end after SIGTERM | `drain_timeout` | `shutting_down`, retryable |
"""


def main() -> int:
    """Run it all, and write the page if all was as it must be; the exit code tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=MINUTE, help="how long the limiter is measured")
    options = parser.parse_args()
    results = asyncio.run(catalogue.run())
    wrong = _wrong(results)
    sections = [_introduction(), _faults(results), *_measured(options.seconds, wrong), section(SOAK)]
    if wrong:
        print("\n".join(wrong), "The page was left as it was.", sep="\n")
        return 1
    write_page(sections)
    print(f"{len(CASES)} cases on {len(TRANSPORTS)} transports, and the measurements: all as it must be")
    return 0


def _wrong(results: Results) -> list[str]:
    wrong = [
        f"{case.name}, {transport}: {one}"
        for case in CASES
        for transport in TRANSPORTS
        for one in deviations(case, results.seen[case.name, transport])
    ]
    wrong += [f"{name}: left over: {left}" for name, left in results.left.items() if left]
    return wrong + [f"{name}: {line}" for name, lines in results.complaints.items() for line in lines]


def _introduction() -> str:
    made = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    return f"{INTRODUCTION}\nMade on {made}; times are of that machine."


def _faults(results: Results) -> str:
    lines = [
        "## Faults",
        "",
        "`once`, `hurried` and `twice` are the settings under which a case ran; they stand below the table. Text:",
        "whole, a prefix of it, or none. Both transports are shown, though they must not differ.",
        "",
        "| case | what goes wrong | settings | SSE | WebSocket | the upstream saw |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_row(case, results) for case in CASES]
    lines += ["", "| settings | |", "|---|---|"]
    for setup in SETUPS:
        settings = ", ".join(f"`{name}={value}`" for name, value in setup.settings.items())
        lines.append(f"| {setup.name} | {settings} |")
    return "\n".join(lines)


def _row(case: Case, results: Results) -> str:
    seen = [results.seen[case.name, transport] for transport in TRANSPORTS]
    upstreams = list(dict.fromkeys(_upstream(one) for one in seen))
    shown = [case.name, case.what, case.setup.name, *map(_client, seen), "; ".join(upstreams)]
    return f"| {' | '.join(shown)} |"


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
    if seen.text == seen.whole:
        return "whole"
    return ("prefix" if seen.whole.startswith(seen.text) else "wrong") if seen.text else "none"


def _upstream(seen: Observed) -> str:
    if not seen.calls:
        return "no call"
    calls = "1 call" if seen.calls == 1 else f"{seen.calls} calls"
    return f"{calls}, {'the last ' if seen.calls > 1 else ''}{ENDED_BY[seen.ended_by]}"


def _measured(seconds: float, wrong: list[str]) -> list[str]:
    """Make the measurements' sections; what is not as it must be is added to `wrong`."""
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
    with gateway(provider, settings) as ours:
        seen = [asyncio.run(admission.fairness(ours, transport, CROWD)) for transport in TRANSPORTS]
    wrong += [f"turns: {one}" for seen_one in seen for one in seen_one.deviations()]
    lines = [
        "## Turns",
        "",
        f"One slot; one principal has {CROWD} waiting, then another one comes with 1. Times count from the moment the",
        "slot becomes free; each answer holds it for about 35 ms.",
        "",
        "| the one's transport | its place at once | its wait | the hundred's median | the hundred's longest |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_named(one.transport)} | {one.position} of {one.crowd + 1} | {one.the_one_ms:.0f} ms "
        f"| {one.median_of_crowd_ms:.0f} ms | {one.last_of_crowd_ms:.0f} ms |"
        for one in seen
    ]
    return "\n".join(lines)


def _limiter(provider: str, seconds: float, wrong: list[str]) -> str:
    settings = {
        "DUALSTREAM_RATE_LIMIT_PER_MINUTE": str(PER_MINUTE),
        "DUALSTREAM_RATE_LIMIT_BURST": str(BURST),
        "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1",
    }

    async def measure() -> Sequence[admission.Limited]:
        with gateway(provider, settings) as ours:
            every = (admission.limiter(ours, transport, PER_MINUTE, BURST, seconds) for transport in TRANSPORTS)
            return await asyncio.gather(*every)

    seen = asyncio.run(measure())
    wrong += [f"limits: {one}" for seen_one in seen for one in seen_one.deviations()]
    lines = [
        "## Limits",
        "",
        f"{PER_MINUTE} starts a minute, {BURST} at once; a client asks every 10 ms. It must get the burst and what",
        "flows in meanwhile. Early: passed before the time that the refusal before it had named; late: refused after.",
        "",
        "| transport | seconds | asked | configured | allowed | early | late |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {_named(one.transport)} | {one.seconds:.1f} | {one.asked:,} | {one.at_most:.0f} | {one.allowed} "
        f"| {one.too_early} | {one.too_late} |"
        for one in seen
    ]
    return "\n".join(lines)


def _draining(wrong: list[str]) -> str:
    seen = asyncio.run(draining.drain(10, 10, 5))
    wrong += [f"SIGTERM: {one}" for one in seen.deviations(10, 10, 5)]
    return "\n".join(
        [
            "## SIGTERM",
            "",
            "20 answers run, half on each transport: 10 end by themselves within the `drain_timeout` of 5 s, 10 do",
            "not.",
            "",
            seen.timeline.table(),
        ]
    )


def _recovery(wrong: list[str]) -> str:
    seen = asyncio.run(upstream.recovery(2))
    hammered = asyncio.run(upstream.retry_budget(50))
    wrong += [f"upstream: {one}" for one in (*seen.deviations(), *hammered.deviations())]
    return "\n".join(
        [
            "## An upstream that dies and comes back",
            "",
            "`max_attempts` 1, `breaker_failures` 3, `breaker_rest` 2 s.",
            "",
            seen.timeline.table(),
            "",
            f"One that answers 500 to everything, {hammered.starts} starts at once, `max_attempts` 4, no breaker:",
            f"{hammered.calls} calls (the retry budget allows 10 retries, and one more for each five first attempts).",
        ]
    )


def _clients(provider: str, wrong: list[str]) -> str:
    settings = {
        "DUALSTREAM_GRACE": "1",
        "DUALSTREAM_MAX_CONCURRENT": "0",
        "DUALSTREAM_VIEWER_TIMEOUT": "1",
        "DUALSTREAM_MAX_OUTPUT_BYTES": str(clients.LARGE_OUTPUT_BYTES),
    }
    with gateway(provider, settings) as ours:
        killed = asyncio.run(clients.kill_half(ours, provider, 50))
        unread = [asyncio.run(clients.does_not_read(ours, provider, transport)) for transport in TRANSPORTS]
        wrong += [f"clients: {one}" for one in killed.deviations() + ours.complaints()]
    wrong += [f"clients: {one}" for seen in unread for one in seen.deviations()]
    lines = [
        "## Half of the clients are killed",
        "",
        "`grace` 1 s.",
        "",
        killed.timeline.table(),
        "",
        "## A client that does not read",
        "",
        "`viewer_timeout` 1 s; an answer of 5,000,000 characters, of which it reads no more than the beginning.",
        "",
        "| transport | cut off after | nothing left of its connection, in the kernel neither | it sees | resumed |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_named(one.transport)} | {one.after_s:.2f} s | {one.freed_s * 1000:.0f} ms later | {one.read_at_last} "
        f"| {'the whole text' if one.resumed_whole else 'NOT the whole text'} |"
        for one in unread
    ]
    return "\n".join(lines)


def _named(transport: TransportName) -> str:
    return "SSE" if transport == "sse" else "WebSocket"


if __name__ == "__main__":
    sys.exit(main())
