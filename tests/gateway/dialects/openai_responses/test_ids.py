"""Ids of responses and items."""

from gateway.dialects.openai_responses.ids import generation_id, item_id, response_id


def test_the_id_of_a_response_leads_back_to_its_generation() -> None:
    assert response_id("g_abc") == "resp_abc"
    assert generation_id("resp_abc") == "g_abc"


def test_another_id_is_no_response() -> None:
    assert generation_id("chatcmpl-abc") is None


def test_the_id_of_an_item_says_its_place() -> None:
    assert item_id("msg", "g_abc", 2) == "msg_abc_2"
