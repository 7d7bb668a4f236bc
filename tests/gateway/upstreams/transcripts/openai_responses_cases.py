"""Cases of `openai-responses`."""

from tests.gateway.upstreams.transcripts.case import Case

CASES: tuple[Case, ...] = ()
