"""Write docs/reports/store-faults.md: its last section is what clients saw."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.integration.store_faults.clients import Viewer
from tests.integration.store_faults.run import LATE_SECONDS, Report

PAGE: Final = Path(__file__).parents[3] / "docs" / "reports" / "store-faults.md"
HEADING: Final = "## What clients saw"

PROBES: Final = {
    "ready A": "`GET /ready` of A",
    "ready B": "`GET /ready` of B",
    "start A": "start on A",
    "start B": "start on B",
    "snapshot A": "snapshot on A of an answer of A that had ended",
    "snapshot B": "the same on B",
    "unknown B": "snapshot on B of an id that does not exist",
    "command": "feedback on A for an answer that runs on B",
}


def write_page(reports: Sequence[Report]) -> None:
    """Replace what clients saw; the text before it is written by hand."""
    before, _, _ = PAGE.read_text("utf-8").partition(HEADING)
    today = datetime.now(UTC).date().isoformat()
    introduction = (
        f"`make store-faults`, {today}, {os.cpu_count()} cores (shared by gateways, Redis and all clients), Python "
        f"{platform.python_version()}. Two gateways, A and B, each on a link of its own to one Redis "
        "(`appendonly yes`, `appendfsync always`), with the default settings. The answers run on A, one long, one "
        "short, and have a viewer on each gateway; clients ask both gateways four times a second. Second 0 is the "
        "beginning of the fault; a response is shown from the moment that it came."
    )
    sections = [HEADING, introduction, summary(reports), *map(section, reports)]
    PAGE.write_text(before + "\n\n".join(part.strip() for part in sections) + "\n", "utf-8")


def summary(reports: Sequence[Report]) -> str:
    """Return the table of all faults, in Markdown."""
    lines = [
        "Longest time without text, over all viewers of a gateway; and how much was wrong: text or an end that a "
        "viewer\nlacked or got twice, a start that was lost, a response that the table above does not allow.",
        "",
        "| fault | lasted | viewers on A | viewers on B | start on A | wrong |",
        "|---|---|---|---|---|---|",
    ]
    for report in reports:
        own, other = (_longest_pause(report, side) for side in ("A", "B"))
        cells = [
            f"[{report.fault.name}](#{report.fault.name.lower().replace(' ', '-')})",
            f"{report.seconds:.1f} s",
            own,
            other,
            report.probes["start A"].phases(),
            str(len(report.deviations)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _longest_pause(report: Report, side: str) -> str:
    viewers = [viewer for name, viewer in report.viewers.items() if name.endswith(side)]
    # One that comes during the fault waits from then on.
    waits = [viewer.times[0] for viewer in viewers if viewer.times]
    pauses = [end - begin for begin, end in (viewer.longest_pause for viewer in viewers)]
    longest = max([*waits, *pauses], default=0)
    return f"{longest:.1f} s" if longest > 0.5 else "none"


def section(report: Report) -> str:
    """Return the section of a fault, in Markdown."""
    lines = [f"### {report.fault.name}", "", f"{report.fault.what}; {report.seconds:.1f} s.", ""]
    lines += ["| client | saw |", "|---|---|"]
    lines += [f"| {_viewer_name(name)} | {_viewed(viewer)} |" for name, viewer in report.viewers.items()]
    lines += [
        f"| {PROBES[name]} | {probe.phases()} (slowest: {probe.slowest:.2f} s) |"
        for name, probe in report.probes.items()
    ]
    lines += [f"| log | {_logged(line)} |" for line in report.logged]
    return "\n".join([*lines, ""])


def _viewer_name(name: str) -> str:
    length, side = name.split()
    if length == "late":
        return f"viewer that comes to {side} during the fault"
    return f"viewer on {side} of the {length} answer"


def _viewed(viewer: Viewer) -> str:
    begin, end = viewer.longest_pause
    pause = f"no text from {max(0, begin):.1f} s to {end:.1f} s" if end - begin > 0.5 else "text all the time"
    if viewer.times and viewer.times[0] > LATE_SECONDS:
        pause = f"text from {viewer.times[0]:.1f} s on"
    again = f"; {viewer.connections} connections" if viewer.connections > 1 else ""
    return f"{pause}{again}; `{viewer.end}` at {viewer.ended_at:.1f} s, {len(viewer.text)} characters"


def _logged(line: str) -> str:
    """Return a line of a log without its time, and without the ports, which are others each time."""
    message = line.split(": ", 1)[-1] if " WARNING " in line else line
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:6379", message).replace("|", "\\|")
