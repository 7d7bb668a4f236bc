"""`make audit`: ask whether a fault is known in what is pinned.

pip-audit does the asking. It calls a package that its service does not know "skipped", and then finds no fault in it,
so that behind a mirror without advisories everything looks well. And its exit code is the same for a fault and for a
network that is down. So its report is read here, and what was not asked is told.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.supply import pins

UNREACHABLE = re.compile(
    r"Could not connect|ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|MaxRetryError|NewConnectionError"
    r"|NameResolutionError|not redirecting properly|HTTPError: (403|407|429|5\d\d)"
)
"""What a tool of Python's says when the network, and not what it looked at, is at fault."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one file's packages."""

    said: tuple[str, ...]
    """Lines for a person."""
    is_faulty: bool = False
    is_complete: bool = True
    """False where something could not be asked."""

    def code(self, *, strict: bool) -> int:
        """Give the exit code: not to know is a failure only if strict."""
        return int(self.is_faulty or (strict and not self.is_complete))


def judge(report: str, complaint: str) -> Verdict:
    """Judge by pip-audit's report, in its JSON form, or by what it printed where there is none."""
    if not report:
        last = complaint.strip().splitlines()[-1:] or ["it said nothing"]
        if UNREACHABLE.search(complaint):
            return Verdict(("NOT AUDITED: the advisory service can't be reached", *last), is_complete=False)
        return Verdict(("pip-audit failed", complaint.strip()), is_faulty=True, is_complete=False)
    packages = json.loads(report)["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    said = [
        f"{package['name']} {package['version']}: {', '.join([fault['id'], *fault.get('aliases', ())])}; "
        + (f"mended in {', '.join(fault['fix_versions'])}" if fault["fix_versions"] else "not mended yet")
        for package in packages
        for fault in package.get("vulns", ())
    ]
    faulty = bool(said)
    if len(skipped) == len(packages):
        said.append("NOT AUDITED: the advisory service knows none of these packages; is it a mirror?")
    elif skipped:
        said.append(f"NOT AUDITED, since the advisory service does not know them: {', '.join(skipped)}")
    if not faulty and len(skipped) < len(packages):
        said.append(f"no fault is known in {len(packages) - len(skipped)} packages")
    return Verdict(tuple(said), is_faulty=faulty, is_complete=not skipped)


def audit(file: Path) -> Verdict:
    """Audit the pins of a file; nothing is installed or resolved."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = [sys.executable, "-m", "pip_audit", "--requirement", str(file), "--require-hashes", "--disable-pip"]
        shown = ["--progress-spinner", "off", "--format", "json", "--output", str(report)]
        done = subprocess.run([*asked, *shown], capture_output=True, text=True, check=False)
        return judge(report.read_text("utf-8") if report.exists() else "", done.stderr)


def main() -> int:
    """Audit both files and give the exit code; `AUDIT_STRICT=true` makes one of what could not be asked."""
    strict = os.environ.get("AUDIT_STRICT") == "true"
    code = 0
    for file in (pins.RUNTIME, pins.BUILD):
        verdict = audit(file)
        print(f"{file.relative_to(pins.ROOT)}:", *verdict.said, sep="\n  ")
        code = max(code, verdict.code(strict=strict))
    return code


if __name__ == "__main__":
    sys.exit(main())
