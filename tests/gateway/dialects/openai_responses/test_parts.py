"""Citations and log probabilities."""

from gateway.dialects.openai_responses.parts import annotation_of, logprobs_of
from gateway.protocol.commands import JsonObject


def test_a_citation_keeps_what_its_provider_says() -> None:
    own: JsonObject = {"type": "file_citation", "file_id": "f", "index": 3}
    nested: JsonObject = {"type": "url_citation", "url_citation": {"start_index": 1, "end_index": 2, "url": "u"}}
    assert annotation_of({"format": "openai-responses", "source": own}) == own
    assert annotation_of({"format": "openai", "source": nested, "url": "u", "title": "t"}) == {
        "type": "url_citation",
        "url": "u",
        "title": "t",
        "start_index": 1,
        "end_index": 2,
    }
    assert annotation_of({"url": None, "title": None}) is None


def test_an_unknown_log_probability_is_that_of_an_unlikely_token() -> None:
    assert logprobs_of([{"token": "a", "logprob": None}, {"token": "b", "logprob": -0.5}]) == [
        {"token": "a", "logprob": -9999.0},
        {"token": "b", "logprob": -0.5},
    ]
