"""What was found, by the targets or in writing them: all of it is mended, and each has a test of its own."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: of which target, what came, what was wrong, and the test that shows it."""

    target: str
    came: str
    wrong: str
    test: str


_STREAM: Final = "tests/gateway/protocol/test_event_stream.py"
_OPENAI: Final = "tests/gateway/upstreams/test_http.py"
_WORDS: Final = "tests/gateway/upstreams/test_sanitize.py"
_HOSTILE: Final = "tests/gateway/upstreams/formats/test_hostile.py"
_HTTP: Final = "tests/gateway/server/test_http_protocol_peers.py"
_WEBSOCKET: Final = "tests/gateway/server/test_websocket_protocol_peers.py"
_CLIENT: Final = "tests/gateway/client/test_frames.py"

FOUND: Final = [
    Found(
        "event-stream",
        "`data:` lines that come in halves",
        "not counted: the bound of an event did not hold, and each line took longer than the one before",
        f"{_STREAM}::test_lines_that_are_split_between_reads_count_toward_the_limit",
    ),
    Found(
        "event-stream",
        "`retry:` of thousands of digits",
        "`ValueError`: the answer failed as if the gateway had",
        f"{_STREAM}::test_a_retry_of_thousands_of_digits_is_ignored",
    ),
    Found(
        "answer-openai",
        "arguments, an input, an error, code nested 1,000 deep",
        "`RecursionError`, in three of four formats",
        f"{_HOSTILE}::test_what_is_nested_without_end_is_the_providers_fault",
    ),
    Found(
        "answer-gemini",
        "a long `responseId`, and many calls",
        "it was in the id of each call: gigabytes from one event",
        f"{_HOSTILE}::test_a_long_id_is_not_repeated_with_each_call",
    ),
    Found(
        "error-body",
        "one long word, or a row of names",
        "quadratic: 3 s of nothing else for 16 KiB, hours for an error of 1 MiB in a stream",
        f"{_WORDS}::test_it_is_one_short_line",
    ),
    Found(
        "error-body",
        "the key with characters in it that can't be seen",
        "they were taken out after the key was looked for: it was told",
        f"{_WORDS}::test_a_key_that_was_broken_up_takes_all_with_it",
    ),
    Found(
        "retry-after",
        "a year or a time zone of 20 digits",
        "`OverflowError`",
        f"{_OPENAI}::test_retry_after",
    ),
    Found(
        "http",
        "two requests in one read",
        "the first one got the body of the second behind its own",
        f"{_HTTP}::test_a_request_gets_no_body_of_the_next_one",
    ),
    Found(
        "http",
        "a head without end inside a streamed answer",
        "431 was written into that answer",
        f"{_HTTP}::test_a_head_without_end_during_a_response_gets_no_response_inside_it",
    ),
    Found(
        "upgrade",
        "frames before the handshake is answered",
        "`AssertionError` and `InvalidState` out of the protocol, with a traceback in the log",
        f"{_WEBSOCKET}::test_frames_before_the_response_to_the_handshake_abort_the_connection",
    ),
    Found(
        "upgrade",
        "a handshake with a header of 8 KiB",
        "neither answered nor closed, for ever",
        f"{_WEBSOCKET}::test_a_handshake_that_is_not_valid_gets_a_response",
    ),
    Found(
        "frames",
        "text that is not UTF-8 behind a message",
        "the answer to that message came after our close: a traceback in the log",
        f"{_WEBSOCKET}::test_a_message_sent_after_our_close_is_not_logged_as_an_error",
    ),
    Found(
        "frames",
        "text that is not UTF-8 after we closed",
        "`InvalidState` out of the protocol",
        f"{_WEBSOCKET}::test_text_that_is_not_utf8_after_the_close_is_ignored",
    ),
    Found(
        "frames",
        "text that is not UTF-8, and a close, in one read",
        "the close was answered before the text was looked at: `InvalidState` out of the protocol",
        f"{_WEBSOCKET}::test_text_that_is_not_utf8_before_a_close_in_the_same_read",
    ),
    Found(
        "frames",
        "empty fragments, or very small ones",
        "kept one by one: empty ones without end, small ones at twenty times their bytes",
        "tests/gateway/server/test_websocket_protocol_limits.py::test_the_fragments_of_a_message_are_limited",
    ),
    Found(
        "http",
        "headers without end behind the last chunk of a body",
        "kept for as long as a request may take, whatever their size",
        f"{_HTTP}::test_what_follows_a_body_is_limited",
    ),
    Found(
        "requests",
        "`Content-Length: ²`, under another server than ours",
        "`ValueError`, 500",
        "tests/gateway/api/test_requests_content_length.py::test_a_length_that_is_not_a_number_is_refused",
    ),
    Found(
        "body",
        "a field with a name of 4 MiB",
        "the refusal gave it back, twice",
        "tests/gateway/protocol/test_commands.py::test_a_refusal_repeats_only_the_start_of_a_long_name",
    ),
    Found(
        "key-set",
        "a key whose `kty` is a list",
        "`TypeError`: with `jwks_file`, at the start",
        "tests/gateway/security/test_jwks.py::test_a_key_of_no_kind_is_passed_over",
    ),
    Found(
        "key-file",
        "a number of thousands of digits",
        "`ValueError`, without the file's name",
        "tests/gateway/config/test_load.py::test_a_number_of_thousands_of_digits_is_said",
    ),
    Found(
        "key-file",
        "a time of the last day there is, of another time zone",
        "`ValueError` when the file is written anew",
        "tests/gateway/security/test_key_file.py::test_a_time_that_is_none_in_utc_is_refused",
    ),
    Found(
        "client-refusal",
        "`Retry-After: ²`",
        "`ValueError` out of the client",
        f"{_CLIENT}::test_a_wait_that_is_no_number_is_none",
    ),
    Found(
        "client-message",
        "`retry_after_ms` of 1e308",
        "a wait of 308 digits, that nothing can say or keep",
        f"{_CLIENT}::test_a_wait_beyond_all_reckoning_is_none",
    ),
    Found(
        "client-message",
        "a type, code or message nested 1,000 deep",
        "`RecursionError` out of the client",
        f"{_CLIENT}::test_what_is_nested_deep_where_a_text_belongs_is_none",
    ),
]
