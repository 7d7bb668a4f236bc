"""`make audit`: check the pinned packages for known vulnerabilities.

This evaluates the report of pip-audit, because its exit code is not enough. Packages that the advisory service does not
know are "skipped" and count as free of vulnerabilities, so behind a mirror without advisories every audit succeeds. And
the code is the same for a vulnerability and for a network that is down. Here, unaudited packages are reported as such.
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
"""Matches the output of Python tools that fail because of the network."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of the audit of one file."""

    lines: tuple[str, ...]
    """Output for people."""
    has_failed: bool = False
    """A vulnerability is known, or pip-audit failed."""
    is_complete: bool = True
    """False if some packages could not be audited."""

    def code(self, *, strict: bool) -> int:
        """Return the exit code. An incomplete audit is a failure only if `strict`."""
        return int(self.has_failed or (strict and not self.is_complete))


def judge(report: str, errors: str) -> Verdict:
    """Evaluate pip-audit's JSON report, or its error output if there is no report."""
    if not report:
        last = errors.strip().splitlines()[-1:] or ["no output"]
        if UNREACHABLE.search(errors):
            return Verdict(("NOT AUDITED: the advisory service can't be reached", *last), is_complete=False)
        return Verdict(("pip-audit failed", errors.strip()), has_failed=True, is_complete=False)
    packages = json.loads(report)["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    lines = [
        f"{package['name']} {package['version']}: "
        + f"{', '.join([vulnerability['id'], *vulnerability.get('aliases', ())])}; "
        + (f"fixed in {', '.join(vulnerability['fix_versions'])}" if vulnerability["fix_versions"] else "no fix yet")
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    is_vulnerable = bool(lines)
    if len(skipped) == len(packages):
        lines.append("NOT AUDITED: the advisory service knows none of these packages; is it a mirror?")
    elif skipped:
        lines.append(f"NOT AUDITED, because the advisory service does not know them: {', '.join(skipped)}")
    if not is_vulnerable and len(skipped) < len(packages):
        lines.append(f"no known vulnerability in {len(packages) - len(skipped)} packages")
    return Verdict(tuple(lines), has_failed=is_vulnerable, is_complete=not skipped)


def audit(file: Path) -> Verdict:
    """Audit the pins of a file. Nothing is installed or resolved."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(file), "--require-hashes", "--disable-pip"]
        output = ["--progress-spinner", "off", "--format", "json", "--output", str(report)]
        process = subprocess.run([*command, *output], capture_output=True, text=True, check=False)
        return judge(report.read_text("utf-8") if report.exists() else "", process.stderr)


def main() -> int:
    """Audit both files and return the exit code. With `AUDIT_STRICT=true`, an incomplete audit is a failure."""
    strict = os.environ.get("AUDIT_STRICT") == "true"
    code = 0
    for file in (pins.RUNTIME, pins.BUILD):
        verdict = audit(file)
        print(f"{file.relative_to(pins.ROOT)}:", *verdict.lines, sep="\n  ")
        code = max(code, verdict.code(strict=strict))
    return code


if __name__ == "__main__":
    sys.exit(main())
