"""Tables of finish reasons and of errors for docs/reference/providers.md; run as a module, it writes them."""

from pathlib import Path

from gateway.protocol.errors import CODES, Code
from gateway.upstreams.errors.codes import ERROR_NAMES, STATUSES, VAGUE_NAMES
from gateway.upstreams.formats.finish_reasons import FAILURE_REASONS, FINISH_REASONS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "providers.md"
BEGIN, END = "<!-- outcomes -->\n", "<!-- end of outcomes -->\n"


def tables() -> str:
    """Return the tables of finish reasons and of errors."""
    lines = ["| API | provider's finish reason | what clients get |", "|---|---|---|"]
    for api, reasons in FINISH_REASONS.items():
        lines += [f"| `{api}` | {_listed(names)} | `complete` with `{reason}` |" for reason, names in reasons.items()]
        failures = FAILURE_REASONS.get(api, {})
        lines += [f"| `{api}` | {_listed(names)} | {_error(code)} |" for code, names in failures.items()]
    lines += ["", "| HTTP status | names in the error, in any API | what clients get |", "|---|---|---|"]
    for code in sorted({*ERROR_NAMES, *(code for code, _ in STATUSES.values())}, key=[*ERROR_NAMES].index):
        statuses = [str(status) for status, (of, _) in STATUSES.items() if of is code]
        statuses += {Code.SERVER_ERROR: ["others from 500"], Code.INVALID_REQUEST: ["others below 500"]}.get(code, [])
        vague = VAGUE_NAMES.get(code, "")
        names = _listed(ERROR_NAMES[code]) + (f"; without a status that says more: {_listed(vague)}" if vague else "")
        lines.append(f"| {', '.join(statuses) or '-'} | {names} | {_error(code)} |")
    return "\n".join(lines) + "\n"


def _listed(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split())


def _error(code: Code) -> str:
    return f"error `{code}`, {'retryable' if CODES[code].retryable else 'final'}"


def write() -> None:
    """Write the tables into the page."""
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + tables() + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    write()
