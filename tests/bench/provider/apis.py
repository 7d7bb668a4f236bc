"""How an answer is written in each of the provider's APIs, as events of a text/event-stream. Pure.

Sources: platform.openai.com/docs/api-reference/chat-streaming, …/responses-streaming; docs.anthropic.com, "Streaming
Messages".
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol


class Answer(Protocol):
    """One answer. `begin` and `end` return events, `token` returns the event of a token."""

    def __init__(self, number: int) -> None:
        """Write the answer with this number."""

    def begin(self) -> Sequence[bytes]:
        """Return the events before the first token."""

    def token(self, text: bytes, sequence: int) -> bytes:
        """Return the event of a token, whose text is written as in JSON."""

    def end(self, tokens: int) -> Sequence[bytes]:
        """Return the events after the last token."""


class ChatCompletion:
    """An answer of OpenAI's Chat Completions."""

    def __init__(self, number: int) -> None:
        self._prefix = (
            b'data: {"id":"chatcmpl-%08d","object":"chat.completion.chunk","created":1735689600,"model":"bench",'
            b'"choices":[' % number
        )
        self._token = self._prefix + b'{"index":0,"delta":{"content":"'

    def begin(self) -> Sequence[bytes]:
        """See `Answer.begin`."""
        delta = b'{"role":"assistant","content":""}'
        return (self._prefix + b'{"index":0,"delta":%b,"logprobs":null,"finish_reason":null}]}\n\n' % delta,)

    def token(self, text: bytes, _sequence: int) -> bytes:
        """See `Answer.token`."""
        return b'%b%b"},"logprobs":null,"finish_reason":null}]}\n\n' % (self._token, text)

    def end(self, tokens: int) -> Sequence[bytes]:
        """See `Answer.end`."""
        usage = b'{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":%d}' % (tokens, tokens + 9)
        return (
            self._prefix + b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n',
            self._prefix + b'],"usage":%b}\n\n' % usage,
            b"data: [DONE]\n\n",
        )


class PaddedChatCompletion(ChatCompletion):
    """The same as OpenAI sends it by default: with random characters in each chunk, which hide the size of its text."""

    def token(self, text: bytes, sequence: int) -> bytes:
        """See `Answer.token`."""
        return _padded(super().token(text, sequence), b',"obfuscation":"%b"' % _padding(sequence))


class Message:
    """An answer of Anthropic's Messages."""

    def __init__(self, number: int) -> None:
        self._number = number

    def begin(self) -> Sequence[bytes]:
        """See `Answer.begin`."""
        message = (
            b'{"id":"msg_%08d","type":"message","role":"assistant","model":"bench","content":[],"stop_reason":null,'
            b'"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}' % self._number
        )
        return (
            _event(b"message_start", b'"message":%b' % message),
            _event(b"content_block_start", b'"index":0,"content_block":{"type":"text","text":""}'),
        )

    def token(self, text: bytes, _sequence: int) -> bytes:
        """See `Answer.token`."""
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            b'"delta":{"type":"text_delta","text":"%b"}}\n\n' % text
        )

    def end(self, tokens: int) -> Sequence[bytes]:
        """See `Answer.end`."""
        delta = b'"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":%d}' % tokens
        return (
            _event(b"content_block_stop", b'"index":0'),
            _event(b"message_delta", delta),
            _event(b"message_stop", b""),
        )


class PaddedMessage(Message):
    """The same as Anthropic sends it: with a few spaces in each event."""

    def token(self, text: bytes, sequence: int) -> bytes:
        """See `Answer.token`."""
        return _padded(super().token(text, sequence), b" " * len(_padding(sequence)))


class Response:
    """An answer of OpenAI's Responses, whose last events repeat the text."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._place = b'"item_id":"msg_%08d","output_index":0,"content_index":0' % number
        self._texts: list[bytes] = []

    def begin(self) -> Sequence[bytes]:
        """See `Answer.begin`."""
        response = self._response(b"in_progress", b"", b"null")
        return (
            _event(b"response.created", b'"sequence_number":0,"response":%b' % response),
            _event(b"response.in_progress", b'"sequence_number":1,"response":%b' % response),
            _event(
                b"response.output_item.added",
                b'"sequence_number":2,"output_index":0,"item":%b' % self._item(b"in_progress", b""),
            ),
            _event(
                b"response.content_part.added", b'"sequence_number":3,%b,"part":%b' % (self._place, self._part(b""))
            ),
        )

    def token(self, text: bytes, sequence: int) -> bytes:
        """See `Answer.token`."""
        self._texts.append(text)
        return (
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%d,'
            b'%b,"delta":"%b","logprobs":[]}\n\n' % (sequence + 4, self._place, text)
        )

    def end(self, tokens: int) -> Sequence[bytes]:
        """See `Answer.end`."""
        text, number = b"".join(self._texts), tokens + 4
        part = self._part(text)
        item = self._item(b"completed", part)
        usage = b'{"input_tokens":9,"output_tokens":%d,"total_tokens":%d}' % (tokens, tokens + 9)
        return (
            _event(
                b"response.output_text.done",
                b'"sequence_number":%d,%b,"text":"%b","logprobs":[]' % (number, self._place, text),
            ),
            _event(
                b"response.content_part.done", b'"sequence_number":%d,%b,"part":%b' % (number + 1, self._place, part)
            ),
            _event(
                b"response.output_item.done", b'"sequence_number":%d,"output_index":0,"item":%b' % (number + 2, item)
            ),
            _event(
                b"response.completed",
                b'"sequence_number":%d,"response":%b' % (number + 3, self._response(b"completed", item, usage)),
            ),
        )

    def _response(self, status: bytes, item: bytes, usage: bytes) -> bytes:
        return (
            b'{"id":"resp_%08d","object":"response","created_at":1735689600,"status":"%b","model":"bench",'
            b'"output":[%b],"usage":%b}' % (self._number, status, item, usage)
        )

    def _item(self, status: bytes, part: bytes) -> bytes:
        return b'{"id":"msg_%08d","type":"message","status":"%b","role":"assistant","content":[%b]}' % (
            self._number,
            status,
            part,
        )

    @staticmethod
    def _part(text: bytes) -> bytes:
        return b'{"type":"output_text","annotations":[],"logprobs":[],"text":"%b"}' % text


class PaddedResponse(Response):
    """The same as OpenAI sends it by default."""

    def token(self, text: bytes, sequence: int) -> bytes:
        """See `Answer.token`."""
        return _padded(super().token(text, sequence), b',"obfuscation":"%b"' % _padding(sequence))


def _padding(sequence: int) -> bytes:
    return b"k2Jx8mZ0qW5tLr7"[sequence * 7 % 15 :]


def _padded(event: bytes, padding: bytes) -> bytes:
    """Return an event with its padding before the last brace."""
    return b"%b%b}\n\n" % (event.removesuffix(b"}\n\n"), padding)


def _event(name: bytes, fields: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b"%b%b}\n\n' % (name, name, b"," if fields else b"", fields)


APIS: Final[Mapping[bytes, type[Answer]]] = MappingProxyType(
    {b"/v1/chat/completions": ChatCompletion, b"/v1/messages": Message, b"/v1/responses": Response}
)
"""How answers are written, by path."""
