"""Which failed calls a provider may bill although they brought no answer. Pure.

A request that was not sent, or that the provider refused before a model ran, costs nothing: its usage is exactly 0. Of
any other the gateway knows nothing, and estimates it: a gateway between may have given up while the model still writes.
docs/reference/providers.md has the table.
"""

from typing import Final

_TAKEN_4XX: Final = frozenset({408, 424, 499})
"""Client errors after the request was taken: a time-out, a model that failed (Bedrock), a client that left (nginx)."""

_NOT_TAKEN_5XX: Final = frozenset({501, 503, 505, 511, 521, 523, 525, 526, 529, 530})
"""Server errors of a request that was not taken: not available (RFC 9110, 15.6.4), overloaded (529, Anthropic), and
those of Cloudflare that say that there was no connection to the provider (521, 523, 525, 526, 530)."""


def may_be_billed(status: int) -> bool:
    """Return True if a model may have run for a refusal with this status, or a success that can't be read."""
    return status < 300 or status in _TAKEN_4XX or (status >= 500 and status not in _NOT_TAKEN_5XX)
