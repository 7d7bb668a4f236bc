"""Content of a log as parts of a message."""

from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning
from tests.gateway.dialects.ai_sdk.streams import COMPLETE, chunks, kinds, message

CITATION = Part("citation", {"url": "https://a.example/", "title": "A", "text": None, "source": {}, "format": "x"})


def test_text_and_reasoning_are_parts_with_ids_of_their_own() -> None:
    found = chunks(Reasoning("r"), Chunk("a"), Reasoning("s"), Chunk("b"), COMPLETE)
    begun = [(each["type"], each["id"]) for each in found if each["type"].endswith("-start")]
    assert begun == [("reasoning-start", "1"), ("text-start", "2"), ("reasoning-start", "3"), ("text-start", "4")]


def test_a_signature_may_bring_text() -> None:
    found = message(SignedReasoning("summary", "c2ln", "openai"), Chunk("a"), COMPLETE)
    assert found.reasoning == "summary"


def test_each_signature_ends_its_reasoning() -> None:
    found = message(
        Reasoning("a"), SignedReasoning("", "1", "x"), Reasoning("b"), SignedReasoning("", "2", "x"), COMPLETE
    )
    signed = [(part["text"], part["metadata"]["dualstream"]["signature"]) for part in found.parts[1:]]
    assert signed == [("a", "1"), ("b", "2")]


def test_sealed_reasoning_is_a_part_without_text() -> None:
    found = message(Part("redacted_reasoning", {"data": "x", "format": "anthropic"}), Chunk("a"), COMPLETE)
    sealed = {"dualstream": {"data": "x", "format": "anthropic"}}
    assert found.parts[1] == {"type": "reasoning", "text": "", "metadata": sealed}


def test_a_source_stands_in_a_text_without_ending_it_and_once() -> None:
    found = chunks(Chunk("a"), CITATION, Chunk("b"), CITATION, COMPLETE)
    assert kinds(found)[2:] == [
        "text-start",
        "text-delta",
        "source-url",
        "text-delta",
        "text-end",
        "finish-step",
        "finish",
    ]


def test_a_refusal_by_the_model_is_marked() -> None:
    found = message(Part("refusal", {}), Chunk("No."), COMPLETE)
    assert found.parts[1] == {"type": "text", "text": "No.", "metadata": {"dualstream": {"refusal": True}}}


def test_log_probabilities_have_no_place() -> None:
    assert message(Part("logprobs", {"tokens": []}), Chunk("a"), COMPLETE).parts[1:] == [
        {"type": "text", "text": "a", "metadata": None}
    ]
