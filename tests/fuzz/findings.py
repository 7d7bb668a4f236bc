"""Bugs found by the targets, or while writing them. All are fixed, and each has its own test."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Finding:
    """A fixed bug: its target, the input, the wrong behaviour, and its regression test."""

    target: str
    input: str
    bug: str
    test: str


_STREAM: Final = "tests/gateway/protocol/test_event_stream.py"
_ERRORS: Final = "tests/gateway/upstreams/errors/test_refusals.py"
_SANITIZE: Final = "tests/gateway/upstreams/test_sanitize.py"
_JSON: Final = "tests/gateway/upstreams/formats/test_json_values.py"
_GEMINI: Final = "tests/gateway/upstreams/formats/test_gemini.py"
_HTTP: Final = "tests/gateway/server/test_http_protocol_peers.py"
_WEBSOCKET: Final = "tests/gateway/server/test_websocket_protocol_peers.py"
_CLIENT: Final = "tests/gateway/client/test_frames.py"

FINDINGS: Final = [
    Finding(
        "event-stream",
        "`data:` lines split between reads",
        "not counted: the limit of an event did not apply, and each line took longer than the one before",
        f"{_STREAM}::test_lines_that_are_split_between_reads_count_toward_the_limit",
    ),
    Finding(
        "event-stream",
        "`retry:` of thousands of digits",
        "`ValueError`: the answer failed as if the gateway had",
        f"{_STREAM}::test_a_retry_of_thousands_of_digits_is_ignored",
    ),
    Finding(
        "answer-openai",
        "arguments, an input, an error, code nested 1,000 levels deep",
        "`RecursionError`, in three of four formats",
        f"{_JSON}::test_json_nested_too_deeply_is_a_protocol_error",
    ),
    Finding(
        "answer-gemini",
        "a long `responseId`, and many calls",
        "repeated in the id of each call: gigabytes from one event",
        f"{_GEMINI}::test_a_long_response_id_is_cut_in_the_ids_of_calls",
    ),
    Finding(
        "error-body",
        "one long word, or many names in a row",
        "quadratic time: 3 s of CPU for 16 KiB, hours for an error of 1 MiB in a stream",
        f"{_SANITIZE}::test_a_message_is_one_short_line",
    ),
    Finding(
        "error-body",
        "the key with invisible characters in it",
        "they were removed after the search for the key, so it reached the client",
        f"{_SANITIZE}::test_a_message_with_a_divided_key_is_dropped",
    ),
    Finding(
        "retry-after",
        "a year or a time zone of 20 digits",
        "`OverflowError`",
        f"{_ERRORS}::test_retry_after",
    ),
    Finding(
        "http",
        "two requests in one read",
        "the first one received the body of the second after its own",
        f"{_HTTP}::test_a_request_gets_no_body_of_the_next_one",
    ),
    Finding(
        "http",
        "a request head without end during a streamed response",
        "431 was written into that response",
        f"{_HTTP}::test_a_head_without_end_during_a_response_gets_no_response_inside_it",
    ),
    Finding(
        "upgrade",
        "frames before the response to the handshake",
        "`AssertionError` and `InvalidState` from the protocol, with a traceback in the log",
        f"{_WEBSOCKET}::test_frames_before_the_response_to_the_handshake_abort_the_connection",
    ),
    Finding(
        "upgrade",
        "a handshake with a header of 8 KiB",
        "no response, and never closed",
        f"{_WEBSOCKET}::test_a_handshake_that_is_not_valid_gets_a_response",
    ),
    Finding(
        "frames",
        "text that is not UTF-8 after a message",
        "the reply to that message was sent after our close: a traceback in the log",
        f"{_WEBSOCKET}::test_a_message_sent_after_our_close_is_not_logged_as_an_error",
    ),
    Finding(
        "frames",
        "text that is not UTF-8 after we closed",
        "`InvalidState` from the protocol",
        f"{_WEBSOCKET}::test_text_that_is_not_utf8_after_the_close_is_ignored",
    ),
    Finding(
        "frames",
        "text that is not UTF-8, and a close, in one read",
        "the close was answered before the text was checked: `InvalidState` from the protocol",
        f"{_WEBSOCKET}::test_text_that_is_not_utf8_before_a_close_in_the_same_read",
    ),
    Finding(
        "frames",
        "empty fragments, or very small ones",
        "held one by one: empty ones without limit, small ones at twenty times their bytes",
        "tests/gateway/server/test_websocket_protocol_limits.py::test_the_fragments_of_a_message_are_limited",
    ),
    Finding(
        "http",
        "trailers without end after the last chunk of a body",
        "held for as long as a request may take, without a limit of size",
        f"{_HTTP}::test_what_follows_a_body_is_limited",
    ),
    Finding(
        "requests",
        "`Content-Length: ²`, under a third-party server",
        "`ValueError`, 500",
        "tests/gateway/api/test_requests.py::test_a_length_that_is_not_a_number_is_refused",
    ),
    Finding(
        "body",
        "a field with a name of 4 MiB",
        "the refusal repeated it, twice",
        "tests/gateway/protocol/test_commands.py::test_a_refusal_repeats_only_the_start_of_a_long_name",
    ),
    Finding(
        "key-set",
        "a key whose `kty` is a list",
        "`TypeError`, with `jwks_file` when the gateway starts",
        "tests/gateway/security/test_jwks.py::test_a_key_without_a_valid_type_is_ignored",
    ),
    Finding(
        "key-file",
        "a number of thousands of digits",
        "`ValueError`, without the file's name",
        "tests/gateway/config/test_load.py::test_a_number_of_thousands_of_digits_is_an_error",
    ),
    Finding(
        "key-file",
        "a time on the last representable day, in another time zone",
        "`ValueError` when the file is written again",
        "tests/gateway/security/test_key_file.py::test_a_time_beyond_the_years_of_utc_is_refused",
    ),
    Finding(
        "client-refusal",
        "`Retry-After: ²`",
        "`ValueError` from the client",
        f"{_CLIENT}::test_a_retry_after_that_is_not_a_number_is_ignored",
    ),
    Finding(
        "client-message",
        "`retry_after_ms` of 1e308",
        "a wait of 308 digits, which can't be formatted or stored",
        f"{_CLIENT}::test_an_excessive_retry_after_is_ignored",
    ),
    Finding(
        "client-message",
        "a type, code or message nested 1,000 levels deep",
        "`RecursionError` from the client",
        f"{_CLIENT}::test_deeply_nested_json_in_place_of_a_string_is_ignored",
    ),
]
