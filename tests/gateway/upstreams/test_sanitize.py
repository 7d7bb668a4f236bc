"""What reaches clients of a provider's message: nothing but plain prose."""

import base64
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.upstreams.sanitize import MAX_MESSAGE_LENGTH, sanitize_message

SECRET = "sk-very-secret-key-4f9a"
KEY = SecretStr(SECRET)


@pytest.mark.parametrize(
    "message",
    [
        "maximum context length is 8192 tokens, you sent 9,000",
        "This model's maximum is 10 (you asked for 12.5%).",
        "Invalid value: 'developer'. Supported values are: 'system', 'assistant', 'user', and 'function'.",
        "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) is supported.",
        "Missing required parameter: 'messages[0].content[1].image_url.url'.",
        "messages.0.content: Input should be a valid list; tool_choice >= 1",
        "* contents is not specified, and systemInstruction is",
        "All messages must have non-empty content except for the optional final assistant message",
        "messages: at least one message is required",
        "请求参数错误\uff1a内容不能为空",
        "Yêu cầu không hợp lệ.",
        "max_completion_tokens must be < 5",
    ],
)
def test_plain_prose_passes(message: str) -> None:
    assert sanitize_message(message, KEY) == message


@pytest.mark.parametrize(
    ("word", "leak"),
    [
        ("http://10.1.2.3:80/x?y", "http"),
        ("10.1.2.3:8080", "10.1"),
        ("[::1]:8000", "::1"),
        ("fe80::1%eth0", "fe80"),
        ("db.internal.corp:5432", "internal"),
        ("upstream.svc.cluster.local", "svc"),
        ("llm-gpu-3", "gpu"),
        ("messages.internal", "internal"),
        ("vault-prod", "vault"),
        ("/srv/models/secret.gguf", "srv"),
        ("C:\\models\\a", "models"),
        ("~/keys", "keys"),
        ("svc_backup", "backup"),
        ("root@gateway", "root"),
        ("org-AbCdEfGh", "org"),
        ("AKIAABCDEFGHIJKLMNOP", "AKIA"),
        ("0123456789abcdef0123456789abcdef", "0123"),
        (base64.b64encode(SECRET.encode()).decode(), "c2s"),
        ("api_key=abcdef1234567890", "abcdef"),
        ('{"detail":"x"}', "detail"),
        ("line=3,", "line"),
        ("\x1b[31mcolour", "31m"),
        ("a\u202eb3", "b3"),
        ("x" * 500, "xxx"),
    ],
)
def test_a_word_that_is_not_plain_becomes_an_ellipsis(word: str, leak: str) -> None:
    sanitized = sanitize_message(f"the request to {word} has failed", KEY)
    assert sanitized == "the request to … has failed"
    assert leak not in sanitized


@pytest.mark.parametrize(
    "message",
    [
        "<html><b>no</b></html>",
        "Bad gateway <b",
        "see &lt;script&gt; there",
        "it says &#60;b for no reason",
        "<!-- a comment of nginx",
        f"the key {SECRET} {SECRET} {SECRET} {SECRET}",
        "10.0.0.1 10.0.0.2",
        "",
    ],
)
def test_markup_and_messages_with_hardly_a_plain_word_are_dropped(message: str) -> None:
    assert sanitize_message(message, KEY) == ""


@pytest.mark.parametrize("between", [" ", " , ", "\n", " - ", "\u200b ", " ** "])
def test_a_message_with_a_divided_key_is_dropped(between: str) -> None:
    assert sanitize_message(f"the key {between.join(['very', 'secret', 'key'])} is not one of ours", KEY) == ""
    assert sanitize_message("the secret is not one of ours", KEY) != ""


def test_a_message_is_one_short_line() -> None:
    assert sanitize_message("two\n\nlines\x00 and a half", None) == "two lines and a half"
    sanitized = sanitize_message("x " * 5000, None)
    assert (len(sanitized), sanitized[-1]) == (MAX_MESSAGE_LENGTH, "…")
    assert sanitize_message("words of \ud800 halves", None) == "words of … halves"


encodings = st.sampled_from(
    [SECRET, json.dumps(SECRET), base64.b64encode(SECRET.encode()).decode(), SECRET.upper(), SECRET.encode().hex()]
)


@example(before="", after=" a <: b", encoded=SECRET, every=30)
@given(before=st.text(max_size=40), after=st.text(max_size=40), encoded=encodings, every=st.integers(1, 30))
def test_the_key_never_passes_with_any_text_around_it(before: str, after: str, encoded: str, every: int) -> None:
    parts = [encoded[at : at + every] for at in range(0, len(encoded), every)]
    for sanitized in (
        sanitize_message(f"{before}{encoded}{after}", KEY),
        sanitize_message(" ".join([before, *parts, after]), KEY),
    ):
        letters = "".join(filter(str.isalnum, sanitized.casefold()))
        assert "verysecretkey" not in letters
        assert encoded not in sanitized
        assert sanitized.isprintable()
        # Signs may pass, as in "x <= 5" or "a <: b"; they begin no markup (HTML, 13.2.5.6, "Tag open state").
        assert re.search("<[a-zA-Z/!?]", sanitized) is None
