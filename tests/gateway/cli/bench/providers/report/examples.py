"""A result with answered, failed and unpriced targets, and its tables."""

import io
import re

from rich.console import Console

from gateway.billing.prices import flat
from gateway.cli.bench.providers.report.terminal import show
from gateway.cli.bench.providers.results import Results
from tests.gateway.cli.bench.providers.fakes import answered, failed, result, subject

HOSTILE = "<script>alert(1)</script>\x1b[2J"


def mixed() -> Results:
    subjects = [subject("free"), subject("dear", flat(15.0)), subject("broken", flat(9.0)), subject("cheap", flat(8.0))]
    samples = {
        "free": [answered(0.1, exact=False)],
        "dear": [answered(0.4), failed("timeout")],
        "broken": [failed("server_error", HOSTILE)],
        "cheap": [answered(0.12)],
    }
    return result(subjects, samples)


def printed(results: Results, width: int = 160) -> str:
    screen = Console(file=io.StringIO(), width=width, highlight=False)
    show(screen, results)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def shown(text: str, model: str) -> list[str]:
    """Return the lines of a model in the tables, with single spaces."""
    return [" ".join(line.split()) for line in re.findall(rf"^scripted +{model} .*", text, re.MULTILINE)]
