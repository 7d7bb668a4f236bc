"""A client's own body with what came after it: feedback, and the partial answer that it is about."""

import pytest

from gateway.app.catalog import WIRE_FORMATS
from gateway.protocol.commands import JsonObject, Message
from gateway.upstreams.base import UpstreamRequest, VerbatimRequest
from gateway.upstreams.formats.base import Quirks
from tests.start_requests import user_message

ADDED = (Message(role="assistant", content="Once "), user_message("Shorter."))
TURNS = [{"role": "assistant", "content": "Once "}, {"role": "user", "content": "Shorter."}]
QUESTION: JsonObject = {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "x"}}]}

CASES: dict[str, tuple[str, str, JsonObject, object]] = {
    "messages": ("anthropic", "messages", {"messages": [QUESTION]}, [QUESTION, *TURNS]),
    "input items": ("openai-responses", "input", {"input": [QUESTION]}, [QUESTION, *TURNS]),
    "input text": ("openai-responses", "input", {"input": "Hi"}, [{"role": "user", "content": "Hi"}, *TURNS]),
    "contents": (
        "gemini",
        "contents",
        {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
        [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Once "}]},
            {"role": "user", "parts": [{"text": "Shorter."}]},
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_added_stands_at_the_end_of_the_client_s_own_body(case: str) -> None:
    api, field, body, expected = CASES[case]
    verbatim = VerbatimRequest(api, {**body, "own_field": 1}, {})
    request = UpstreamRequest("m", [user_message("Hi"), *ADDED], {}, verbatim=verbatim, added=ADDED)
    sent = WIRE_FORMATS[api](Quirks()).body(request)
    assert sent[field] == expected
    assert sent["own_field"] == 1


def test_chat_completions_have_it_among_their_messages() -> None:
    verbatim = VerbatimRequest("openai", {"messages": [{"role": "user", "content": "Hi"}], "own_field": 1}, {})
    request = UpstreamRequest("m", [user_message("Hi"), *ADDED], {}, verbatim=verbatim, added=ADDED)
    sent = WIRE_FORMATS["openai"](Quirks()).body(request)
    assert sent["messages"] == [{"role": "user", "content": "Hi"}, *TURNS]
    assert sent["own_field"] == 1
