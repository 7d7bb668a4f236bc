"""Recognize a provider's refusal of a field that a chat request can do without, or can name differently. Pure.

What providers answer, each with 400 or 422:

- OpenAI, Azure: "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'
  instead.", with `"param": "max_tokens"` and `"code": "unsupported_parameter"`
- Mistral and other servers with pydantic: `{"type": "extra_forbidden", "loc": ["body", "stream_options",
  "include_usage"], "msg": "Extra inputs are not permitted"}` (openai-agents-python #442, voideditor/void #128)
- others: "Unrecognized request argument supplied: stream_options", "unknown field `max_completion_tokens`",
  "property 'stream_options' is unsupported", "additional properties are not allowed ('stream_options' was unexpected)"

A refusal of a value ("max_tokens is too large: 99999") names the field, too: it is the client's to mend.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

FIELDS: Final = ("stream_options", "max_tokens", "max_completion_tokens", "reasoning_effort")
"""Fields that a request can do without, or that have another name.

A model that refuses `reasoning_effort` does not reason. Claude Code sends an effort to every model.
"""

SETTINGS: Final[Mapping[str, str]] = {
    "stream_options": "stream_options = false",
    "max_tokens": 'token_limit = "max_completion_tokens"',
    "max_completion_tokens": 'token_limit = "max_tokens"',
}
"""Setting of a provider without the refused field, if there is one."""

_REFUSES_A_FIELD: Final = re.compile(
    rb"""not\s(?:\w+\s)?support|n[o']t\ssupport|unsupported|unknown|unrecogni[sz]ed|unexpected|extra_forbidden
    |extra\s(?:inputs?|fields?|parameters?)|not\s(?:permitted|allowed|recogni[sz]ed|accepted|available|a\svalid\sfield)
    |additional\s?propert|instead|deprecated|no\ssuch\s(?:field|parameter|property)|does\snot\sexist
    |invalid\s(?:parameter|field|argument)(?!\svalue)|not\sdefined|only\sallowed""",
    re.IGNORECASE | re.VERBOSE,
)
_REFUSES_A_VALUE: Final = re.compile(
    rb"""too\s(?:large|big|high|small|low|many|long)|exceed|at\s(?:most|least)|less\sthan|greater\sthan|maximum|minimum
    |must\sbe\s(?:a|an|of|between|positive|in|<|>|=)|out\sof\srange|valid\srange|range\sof|unsupported\svalue""",
    re.IGNORECASE | re.VERBOSE,
)
_ADVICE: Final = re.compile(rb"use\W+\w+\W+instead", re.IGNORECASE)
"""Names what the provider would accept, not what it refuses."""


def refused_field(sent: Collection[str], refusal: bytes) -> str | None:
    """Return the field, of those `sent`, that a provider refuses with any value; None for another refusal."""
    if not _REFUSES_A_FIELD.search(refusal) or _REFUSES_A_VALUE.search(refusal):
        return None
    named = _ADVICE.sub(b"", refusal)
    return next((field for field in FIELDS if field in sent and re.search(rf"\b{field}\b".encode(), named)), None)
