"""Responses that are not streamed."""

import orjson

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.gemini.document import document
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import list_of, object_of, objects_of


def whole(*responses: JsonObject) -> JsonObject:
    return document(ProjectedEvent(orjson.dumps(response)) for response in responses)


def piece(*parts: JsonObject, **fields: object) -> JsonObject:
    return {"candidates": [{"content": {"parts": [*parts], "role": "model"}, "index": 0, **fields}], "responseId": "r"}  # type: ignore[dict-item]


def test_texts_are_joined_and_the_last_fields_count() -> None:
    assert whole(
        piece({"text": "Hm", "thought": True}),
        piece({"text": "m", "thought": True}),
        piece({"text": "Xin "}),
        {**piece({"text": "chào"}, new=1), "usageMetadata": {"totalTokenCount": 1}},
        {**piece({"text": ""}, finishReason="STOP"), "usageMetadata": {"totalTokenCount": 2}},
    ) == {
        "candidates": [
            {
                "content": {"parts": [{"text": "Hmm", "thought": True}, {"text": "Xin chào"}], "role": "model"},
                "index": 0,
                "new": 1,
                "finishReason": "STOP",
            }
        ],
        "responseId": "r",
        "usageMetadata": {"totalTokenCount": 2},
    }


def test_a_signature_ends_a_part() -> None:
    response = whole(
        piece({"text": "a"}),
        piece({"text": "", "thoughtSignature": "S"}),
        piece({"text": "b"}),
        piece({"functionCall": {"name": "look"}}, {"text": "c", "new": 1}),
    )
    assert response["candidates"] == [
        {
            "content": {
                "parts": [
                    {"text": "a", "thoughtSignature": "S"},
                    {"text": "b"},
                    {"functionCall": {"name": "look"}},
                    {"text": "c", "new": 1},
                ],
                "role": "model",
            },
            "index": 0,
        }
    ]


def test_log_probabilities_follow_each_other() -> None:
    response = whole(
        piece({"text": "a"}, logprobsResult={"chosenCandidates": [1], "logProbabilitySum": 1}),
        piece({"text": "b"}, logprobsResult={"chosenCandidates": [2], "logProbabilitySum": 2}),
    )
    assert isinstance(candidates := response["candidates"], list)
    assert isinstance(candidate := candidates[0], dict)
    assert candidate["logprobsResult"] == {"chosenCandidates": [1, 2], "logProbabilitySum": 2}


def test_a_blocked_prompt_has_no_candidates() -> None:
    assert whole({"promptFeedback": {"blockReason": "SAFETY"}}) == {"promptFeedback": {"blockReason": "SAFETY"}}
    assert whole() == {}


def test_the_time_of_a_long_answer_grows_with_its_length() -> None:
    """Pieces are joined once: 100,000 take a second, and not minutes."""
    token = '{"chosenCandidates":[{"token":"a"}]}'
    piece = ProjectedEvent(
        f'{{"candidates":[{{"content":{{"parts":[{{"text":"{"a" * 50}"}}]}},"logprobsResult":{token}}}]}}'.encode()
    )
    whole = document([piece] * 100_000)
    [candidate] = objects_of(whole["candidates"])
    assert len(str(object_of(candidate["content"]))) > 5_000_000
    assert len(list_of(object_of(candidate["logprobsResult"])["chosenCandidates"])) == 100_000
