"""Cases of `anthropic`."""

from tests.gateway.upstreams.transcripts.case import Case

CASES: tuple[Case, ...] = ()
