"""The tables of docs/reference/model-apis.md that tests compare with the code."""

from collections.abc import Mapping
from typing import Final

from gateway.app.factory import load_dialects
from gateway.dialects.base import ModelApiDialect
from gateway.protocol.errors import CODES, Code, Refused

MODEL_APIS: Final[Mapping[str, ModelApiDialect]] = {
    dialect.name: dialect for dialect in load_dialects() if isinstance(dialect, ModelApiDialect)
}
OURS = ("openai_chat", "openai_responses", "anthropic", "gemini")
TITLES = dict(zip(OURS, ("Chat Completions", "Responses", "Messages", "Gemini"), strict=True))


def retry_table() -> str:
    """Return the status of each code in each dialect, and whether clients repeat the request."""
    head = ["code", "repeated", *(TITLES[name] for name in OURS)]
    rows = [head, ["---"] * len(head)]
    for code in sorted(Code, key=lambda code: (not CODES[code].retryable, code)):
        refused = Refused(code, "")
        statuses = [str(MODEL_APIS[name].status(refused)) for name in OURS]
        rows.append([f"`{code}`", "yes" if refused.retryable else "no", *statuses])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
