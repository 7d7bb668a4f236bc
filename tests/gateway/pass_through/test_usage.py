"""Usage figures in documents."""

import pytest

from gateway.pass_through.usage import usage_in
from gateway.protocol.events import Usage


@pytest.mark.parametrize(
    ("document", "tokens"),
    [
        (b'{"data":[{"embedding":"AAAA"}],"usage":{"prompt_tokens":8,"total_tokens":8}}', 8),
        (b'{"data":[],\n  "usage" : {\n "prompt_tokens": 0, "total_tokens": 0 }\n}', 0),
        # Voyage and others have only the sum.
        (b'{"usage":{"total_tokens":5},"data":[]}', 5),
        (b'{"data":[],"usage":{"prompt_tokens":3}', 3),
    ],
)
def test_usage_is_found_wherever_it_stands(document: bytes, tokens: int) -> None:
    assert usage_in(document) == Usage(tokens, 0, "exact")


@pytest.mark.parametrize(
    "document",
    [b"{}", b'{"usage":null}', b'{"usage":{"prompt_tokens":-1}}', b'{"usage":', b'{"usage":{"prompt_tokens":"8"}}'],
)
def test_what_is_no_usage(document: bytes) -> None:
    assert usage_in(document) is None
