"""Cases of `gemini`."""

from tests.gateway.upstreams.transcripts.case import Case

CASES: tuple[Case, ...] = ()
