"""All cases, and their table in docs/reference/providers.md.

`python -m tests.gateway.upstreams.transcripts.table` writes it.
"""

from pathlib import Path

from tests.gateway.upstreams.transcripts import anthropic_cases, gemini_cases, openai_cases, openai_responses_cases
from tests.gateway.upstreams.transcripts.case import Case

CASES: tuple[Case, ...] = (
    *openai_cases.CASES,
    *openai_responses_cases.CASES,
    *anthropic_cases.CASES,
    *gemini_cases.CASES,
)
PAGE = Path(__file__).parents[4] / "docs" / "reference" / "providers.md"
BEGIN, END = "<!-- transcripts -->\n", "<!-- end of transcripts -->\n"


def table() -> str:
    """Return the table "What providers send and what clients get"."""
    lines = ["| API | what the provider sends | what clients get |", "|---|---|---|"]
    lines += [f"| `{case.api}` | [{case.shows}]({_link(case)}) | {case.outcome} |" for case in CASES]
    return "\n".join(lines) + "\n"


def _link(case: Case) -> str:
    return f"../../tests/gateway/upstreams/transcripts/{case.api}/{case.file}"


def write() -> None:
    """Write the table into the page."""
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    write()
