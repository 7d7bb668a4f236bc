"""Parts that are not text."""

import pytest

from gateway.dialects.gemini.parts import citation_chunk, logprobs_result, media_part
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            Part("image", {"media_type": "image/png", "data": "AA"}),
            {"inlineData": {"mimeType": "image/png", "data": "AA"}},
        ),
        (
            Part("file", {"media_type": None, "data": "AA"}),
            {"inlineData": {"mimeType": "application/octet-stream", "data": "AA"}},
        ),
        (Part("audio", {"media_type": None, "url": "https://x"}), {"fileData": {"fileUri": "https://x"}}),
        (Part("server_tool", {"name": "x", "block": {}}), None),
    ],
)
def test_media(part: Part, expected: JsonObject | None) -> None:
    assert media_part(part) == expected


def test_citations() -> None:
    assert citation_chunk(Part("citation", {"url": "https://x", "title": "X", "text": None})) == {
        "web": {"uri": "https://x", "title": "X"}
    }
    assert citation_chunk(Part("citation", {"url": None, "title": "X", "text": "t"})) == {
        "retrievedContext": {"title": "X", "text": "t"}
    }


def test_log_probabilities() -> None:
    token: JsonObject = {"token": "a", "logprob": -0.5, "bytes": None}
    assert logprobs_result(Part("logprobs", {"tokens": [{**token, "top_logprobs": [token]}]})) == {
        "topCandidates": [{"candidates": [{"token": "a", "logProbability": -0.5}]}],
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
    }
