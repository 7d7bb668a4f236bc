"""Estimates of token usage, and sums over attempts."""

import pytest

from gateway.billing.usage import TOKENS_PER_MESSAGE, estimate_input, estimate_output, sum_usage
from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.events import Usage
from tests.gateway.billing.test_image_size import encode, png


@pytest.mark.parametrize(("text_bytes", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_output_is_estimated_from_bytes(text_bytes: int, tokens: int) -> None:
    assert estimate_output(text_bytes) == tokens


def test_input_is_estimated_from_bytes_and_messages() -> None:
    messages = [
        Message(role="user", content="é" * 4),
        Message(role="user", content=[{"type": "text", "text": "x"}]),
    ]
    assert estimate_input(messages) == 2 * TOKENS_PER_MESSAGE + 2 + 1


PNG = "data:image/png;base64," + encode(png(1000, 1000))


@pytest.mark.parametrize(
    ("part", "model", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": PNG}}, "claude-sonnet-4-5", 1334),
        ({"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}, "gpt-4o", 85),
        ({"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}, "claude-sonnet-4-5", 1399),
        ({"type": "image", "source": {"type": "base64", "data": PNG.partition(",")[2]}}, "claude-opus-4-1", 1334),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}, "claude-opus-4-1", 3000),
        ({"type": "file", "file": {"file_id": "file_1"}}, "gpt-4o", 1500),
        ({"type": "document", "source": {"type": "url", "url": "https://a.example/b"}}, "claude-opus-4-1", 3000),
        ({"type": "document", "source": {"type": "text", "data": "x"}}, "claude-opus-4-1", 14),
        ({"type": "input_audio", "input_audio": {"data": "A" * 64_000, "format": "wav"}}, "gemini-2.5-pro", 32),
        ({"type": "image_url", "image_url": PNG}, "claude-sonnet-4-5", 1334),
        ({"type": "input_image", "image_url": PNG, "detail": "low"}, "gpt-4o", 85),
        ({"type": "input_file", "file_data": "data:application/pdf;base64,AAAA"}, "gpt-4o", 1500),
        ({"type": "document_url", "document_url": "https://a.example/b.pdf"}, "mistral-large", 1500),
        ({"type": "audio_url", "audio_url": {"url": "https://a.example/b.mp3"}}, "qwen-omni", 300),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64," + "A" * 1_000_000}}, "qwen-vl", 789),
        (
            {
                "type": "tool_result",
                "content": [{"type": "text", "text": "abcd"}, {"type": "image_url", "image_url": PNG}],
            },
            "claude-sonnet-4-5",
            1335,
        ),
        ({"type": "search_result", "title": "t"}, "claude-opus-4-1", 9),
    ],
)
def test_a_part_that_is_no_text_is_estimated_by_the_rule_of_the_model(
    part: JsonObject, model: str, tokens: int
) -> None:
    assert estimate_input([Message(role="user", content=[part])], model) == TOKENS_PER_MESSAGE + tokens


def test_an_image_of_two_megabytes_is_no_long_text() -> None:
    image: JsonObject = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + "A" * 2_000_000}}
    assert estimate_input([Message(role="user", content=[image])]) < 2000


def test_tool_calls_count() -> None:
    calls = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    message = Message.model_validate({"role": "assistant", "content": None, "tool_calls": calls})
    assert estimate_input([message]) == TOKENS_PER_MESSAGE + 19


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], Usage(0, 0, "exact")),
        ([Usage(1, 2, "estimated", 1)], Usage(1, 2, "estimated", 1)),
        ([Usage(1, 2, "exact"), Usage(3, 4, "exact", 2, 1)], Usage(4, 6, "exact", 2, 1)),
        ([Usage(1, 2, "exact"), Usage(3, 4, "estimated")], Usage(4, 6, "estimated")),
        (
            [Usage(1, 2, "exact", cache_write_tokens=5), Usage(3, 4, "exact"), Usage(1, 1, "exact", 0, 0, 1)],
            Usage(5, 7, "exact", 0, 0, 6),
        ),
        ([Usage(1, None, "exact"), Usage(3, 4, "exact")], Usage(4, None, "exact")),
    ],
)
def test_a_sum_is_exact_or_known_only_if_all_parts_are(parts: list[Usage], expected: Usage) -> None:
    assert sum_usage(parts) == expected
