"""Blocks of Anthropic's API that become parts."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Part
from gateway.upstreams.formats.anthropic_blocks import OtherBlock, citation_of


def test_a_result_has_the_name_of_its_tool() -> None:
    names: dict[str, str] = {}
    call = OtherBlock({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})
    for piece in ('{"q', '":1}'):
        call.add_input(piece)
    assert call.part(names).fields["block"] == {**call.block, "input": {"q": 1}}
    assert OtherBlock({"type": "web_search_tool_result", "tool_use_id": "s"}).part(names).fields["name"] == "web_search"
    assert OtherBlock({"type": "web_search_tool_result", "tool_use_id": "x"}).part(names).fields["name"] == (
        "web_search_tool_result"
    )


def test_deltas_of_any_kind_are_collected() -> None:
    block = OtherBlock({"type": "new", "content": "a"})
    deltas: list[JsonObject] = [{"type": "new_delta", "content": "b"}, {"type": "new_delta", "content": 7, "more": [1]}]
    for delta in deltas:
        block.add(delta)
    assert block.part({}).fields["block"] == {"type": "new", "content": 7, "more": [1]}


def test_texts_of_deltas_are_joined() -> None:
    block = OtherBlock({"type": "new", "content": "a"})
    for text in ("b", "c"):
        block.add({"type": "new_delta", "content": text})
    assert block.part({}).fields["block"] == {"type": "new", "content": "abc"}


def test_what_is_collected_is_bounded() -> None:
    """It reaches no limit of the answer before it ends."""
    deltas: list[JsonObject] = [{"type": "new_delta", "content": "x" * 1_000_000}] * 70
    block = OtherBlock({"type": "new"})
    with pytest.raises(Failed) as failed:
        for delta in deltas:
            block.add(delta)
    assert failed.value.code is Code.EVENT_TOO_LARGE
    block = OtherBlock({"type": "server_tool_use"})
    with pytest.raises(Failed):
        for _ in deltas:
            block.add_input("x" * 1_000_000)


@pytest.mark.parametrize(
    ("citation", "url", "title"),
    [
        ({"url": "https://a.example", "title": "A"}, "https://a.example", "A"),
        ({"source": "https://b.example", "title": None}, "https://b.example", None),
        ({"document_title": "d.pdf", "start_page_number": 1}, None, "d.pdf"),
    ],
)
def test_a_citation(citation: JsonObject, url: str | None, title: str | None) -> None:
    sent = {**citation, "cited_text": "x"}
    named: JsonObject = {"url": url, "title": title, "text": "x"}
    assert citation_of(sent) == Part("citation", {**named, "format": "anthropic", "source": sent})
