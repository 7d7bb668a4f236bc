"""Evaluation of pip-audit's report."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.supply import audit

VULNERABILITY = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}


def report(*packages: Mapping[str, Any]) -> str:
    return json.dumps({"dependencies": packages})


def package(name: str, *vulnerabilities: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": vulnerabilities}


def skipped(name: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("output", "errors", "code", "strict_code", "line"),
    [
        (report(package("a"), package("b")), "", 0, 0, "no known vulnerability in 2 packages"),
        (report(package("a"), package("b", VULNERABILITY)), "", 1, 1, "b 1.0: PYSEC-1, CVE-1; fixed in 2.0"),
        (report(package("a", {**VULNERABILITY, "fix_versions": []})), "", 1, 1, "no fix yet"),
        (report(skipped("a"), skipped("b")), "No known vulnerabilities found", 0, 1, "knows none of these packages"),
        (
            report(skipped("a"), package("b")),
            "",
            0,
            1,
            "NOT AUDITED, because the advisory service does not know them: a",
        ),
        (report(skipped("a"), package("b", VULNERABILITY)), "", 1, 1, "PYSEC-1"),
        ("", "requests.exceptions.ConnectionError: Max retries exceeded", 0, 1, "NOT AUDITED: the advisory service"),
        ("", "requests.exceptions.HTTPError: 503 Server Error", 0, 1, "NOT AUDITED: the advisory service"),
        ("", "ERROR:pip_audit._cli:package a is missing hashes", 1, 1, "a is missing hashes"),
        ("", "", 1, 1, "pip-audit failed"),
    ],
)
def test_a_vulnerability_is_distinguished_from_an_incomplete_audit(
    output: str, errors: str, code: int, strict_code: int, line: str
) -> None:
    verdict = audit.judge(output, errors)
    assert line in "\n".join(verdict.lines)
    assert (verdict.code(strict=False), verdict.code(strict=True)) == (code, strict_code)
