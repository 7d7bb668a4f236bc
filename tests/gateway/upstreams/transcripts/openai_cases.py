"""Cases of `openai`: chat completions, as many servers send them."""

from tests.gateway.upstreams.transcripts.case import Case

CASES: tuple[Case, ...] = (Case("openai", "plain.sse", "text, then the usage", text="Good day.", usage=(7, 2)),)
