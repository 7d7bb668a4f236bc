"""Log probabilities of different providers, in one form."""

import pytest
from pydantic import JsonValue

from gateway.upstreams.formats.logprobs import gemini_logprobs, openai_logprobs


@pytest.mark.parametrize("value", [None, 7, "", [], {}, [7], [{"logprob": -1}]])
def test_nothing_is_no_part(value: JsonValue) -> None:
    assert openai_logprobs(value) is None
    assert gemini_logprobs(value) is None
    assert gemini_logprobs({"topCandidates": value}) is None


def test_tokens_of_openai() -> None:
    part = openai_logprobs([{"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [{"token": "e"}]}])
    assert part is not None
    best = {"token": "e", "logprob": None, "bytes": None}
    assert part.fields == {"tokens": [{"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [best]}]}


def test_tokens_of_gemini() -> None:
    part = gemini_logprobs(
        {
            "chosenCandidates": [{"token": "a", "tokenId": 1, "logProbability": -0.1}, {"token": "b"}],
            "topCandidates": [{"candidates": [{"token": "c", "logProbability": -2}]}],
        }
    )
    assert part is not None
    best = {"token": "c", "logprob": -2, "bytes": None}
    assert part.fields == {
        "tokens": [
            {"token": "a", "logprob": -0.1, "bytes": None, "top_logprobs": [best]},
            {"token": "b", "logprob": None, "bytes": None, "top_logprobs": []},
        ]
    }
