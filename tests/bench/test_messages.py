"""Messages between the processes of a benchmark."""

import json

import pytest

from tests.bench.messages import (
    AnswerSpec,
    Plan,
    ProviderStats,
    Request,
    StoppedStream,
    Tally,
    parse_plan,
    parse_provider_stats,
    parse_tally,
    to_document,
)


def test_messages_are_decoded_as_they_were_encoded() -> None:
    plan = Plan(80, Request("sse", "/x", "{}"), 1, 2, 3, leave_after=4)
    tally = Tally(requests=1, failures={"cut": 1}, stopped=[StoppedStream(1, 2, 3, 4)])
    served = ProviderStats(started=2, closes=[(1, 2, 3)])
    assert parse_plan(json.loads(json.dumps(to_document(plan)))) == plan
    assert parse_tally(json.loads(json.dumps(to_document(tally)))) == tally
    assert parse_provider_stats(json.loads(json.dumps(to_document(served)))) == served


def test_an_answer_is_encoded_as_a_models_name() -> None:
    for spec in (AnswerSpec(500, 20, 1000), AnswerSpec(9, kind="held"), AnswerSpec(9, 20, kind="paused")):
        assert AnswerSpec.from_model_name(spec.model_name()) == spec
    with pytest.raises(ValueError, match="is not bench-"):
        AnswerSpec.from_model_name("gpt-4.1-mini-2025")
