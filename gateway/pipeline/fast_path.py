"""The fast path of a token: one read of the provider's socket becomes one entry of the log, in one function.

It serves the common case. The provider sends each event in one chunk of the chunked transfer coding (RFC 9112, 7.1),
and all of them alike but for a text, a number that counts them, and padding (`TextTemplate`). On the usual path,
aiohttp parses the chunk, the response splits lines and matches the template, the call and its watchdog record the
content, the generation counts it, and the log encodes it again: some 30 functions. What makes them dear is less what
they compute than that the processor's caches have forgotten them since the last token.

Most reads are one chunk. When the gateway is busy, several come in one read: they become one entry, as they do on the
usual path.

`read` either takes a read as a whole, or changes nothing and returns False, and the usual path takes it. This is sound:

- The response says, after a read on the usual path (`learn`), that aiohttp's parser stands between two chunks, the
  decoder between two events, and the reader of the wire format between two characters, and how an event with a text
  looks. None of them sees a read that is taken here, which would leave each of them where it stands.
- A read is taken if it is whole chunks by their own framing, each event begins and ends as learned, and there is one
  JSON string between. The usual path would find the same texts in it (`TextTemplate`). Where events are padded, that
  string, padding and what is between them are found in the same way there (`Padding.string_in`). Where events are
  numbered, each must have one more than the last one: so all bytes but texts and padding are known, and neither of the
  two can contain a line end. The usual path ignores numbers and padding, and need not know which ones were taken here;
  when it has read an event, `learn` says which number is next.
- What may change between two reads is checked for each: the state and the lease of the generation, whether its log is
  open, its size, its budget. What only the usual path changes (the end mark, the race, the time limits that hold) is
  checked in `learn`. A call that has ended reads no more.
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import orjson

from gateway.generation.content_counter import FRAME_BYTES, VERBATIM_FACTOR
from gateway.generation.generation import Generation
from gateway.generation.log_entries import new_entry
from gateway.generation.state import State
from gateway.pipeline.budget_meter import BudgetMeter
from gateway.pipeline.upstream_call import UpstreamCall
from gateway.protocol.events import TEXT_PREFIX, Chunk, Text
from gateway.telemetry.metrics.chunk_times import ChunkTimes
from gateway.upstreams.event_pieces import Padding, Place
from gateway.upstreams.text_template import MAX_BATCH_CHARS, ChunkLayout

_QUOTE: Final = ord('"')
_EVENT_END: Final = b"\n\n\r\n"
_END_LENGTH: Final = len(_EVENT_END)
_TWO_DIGITS: Final = len("ff\r\n\r\n")
"""Framing of a chunk of 16 to 255 bytes; its size is hexadecimal."""

_ALLOWED_BYTES: Final = 1024
"""Size of an event that any `max_event_bytes` allows: events that come together are checked on the usual path."""

_NO_ENDS: Final[Sequence[int]] = ()
"""Those of a single event."""

_STREAMING: Final = State.STREAMING
"""Read once: an enumeration looks its members up in a function."""


class TextFastPath:
    """Takes the reads of one call that has won, from its second content on.

    Not for a call with a minimum rate, and not while a continuation is joined to the text before it.
    """

    __slots__ = (
        *("_attempt", "_between", "_call", "_chunk_times", "_counter", "_data_at", "_generation", "_head", "_kind"),
        *("_log", "_meter", "_now", "_number", "_number_in", "_padding", "_tail", "_verbatim", "_watchdog"),
    )

    def __init__(
        self, call: UpstreamCall, generation: Generation, meter: BudgetMeter, chunk_times: ChunkTimes | None
    ) -> None:
        self._call = call
        self._attempt = call.attempt
        self._generation = generation
        self._counter = generation.counter
        self._log = generation.log
        self._meter = meter
        self._chunk_times = chunk_times
        self._now = call.clock.now
        self._watchdog = call.watchdog
        self._head = b""
        """See `ChunkLayout`; b"" while nothing can be taken."""
        self._between = b""
        self._tail = b""
        self._data_at = 0
        self._padding: Padding | None = None
        self._number: int | None = None
        self._number_in: Place | None = None
        self._kind: type[Text] = Chunk
        self._verbatim = False

    def learn(self, layout: ChunkLayout | None) -> None:
        """See `FastPath.learn`."""
        if layout is None or not self._call.takes_plain_text or self._counter.last is not layout.kind:
            self._head = b""
            return
        self._head, self._between, self._tail = layout.head, layout.between, layout.tail
        self._kind, self._data_at, self._verbatim = layout.kind, layout.data_at, layout.verbatim
        self._padding, self._number, self._number_in = layout.padding, layout.number, layout.number_in

    # One function on purpose: each further one costs as much as ten of its lines.
    def read(self, data: bytes) -> bool:  # noqa: C901, PLR0911, PLR0912, PLR0915
        """Append the text of a read and call the viewers; return False if the usual path must take it."""
        if not self._head:
            return False
        now = self._now()
        # Only the digits of its own size can stand before a chunk: with another number of them, `size` is wrong.
        end = len(data)
        size = end - _TWO_DIGITS
        is_one = size <= 0xFF
        if not is_one:
            size -= 1
            is_one = 0xFF < size <= 0xFFF
        number, padding, between, count, ends = self._number, self._padding, self._between, 1, _NO_ENDS
        if number is None:
            head, tail = self._head % size, self._tail
        elif self._number_in == "head":
            head, tail = self._head % (size, number), self._tail
        elif self._number_in == "tail":
            head, tail = self._head % size, self._tail % number
        else:
            head, between, tail = self._head % size, between % number, self._tail
        if is_one and data.startswith(head) and data.endswith(tail):
            if padding is None:
                string = data[len(head) : -len(tail)]
            else:
                string = padding.string_in(data, len(head), end - len(tail), between)
            # What follows the line of the size is the chunk and its line end.
            verbatim = data[end - size - 2 + self._data_at : -_END_LENGTH] if self._verbatim else None
            # Without an escape sequence it is written as we would write it, and this is the length of the text.
            length = len(string) - 2
            if length < 1 or string[0] != _QUOTE or string[-1] != _QUOTE:
                return False
            try:
                text = orjson.loads(string)
            except orjson.JSONDecodeError:
                return False
        elif (joined := self._join(data)) is not None:
            string, text, ends, verbatim = joined
            count, length = len(ends), len(string) - 2
        else:
            return False
        if b"\\" in string:
            string = orjson.dumps(text)
            length = len(text) if text.isascii() else len(text.encode())
        log, counter, generation, attempt, kind = self._log, self._counter, self._generation, self._attempt, self._kind
        grown = counter.size + length
        if (
            generation.state is not _STREAMING
            or now > generation.lease.expires
            or log.is_closed
            or grown > counter.limit
            or attempt.text_bytes + length >= self._meter.due
        ):
            return False
        if verbatim is not None:
            held = counter.verbatim_bytes + FRAME_BYTES + len(verbatim)
            if held > VERBATIM_FACTOR * counter.limit:
                return False
            # Nothing was changed up to here, and all is done from here on.
            counter.verbatim_bytes = held
        if number is not None:
            self._number = number + count
        self._watchdog.last_content = now
        counter.size = grown
        counter.text_bytes += length
        attempt.text_bytes += length
        if kind is Chunk:
            counter.chunks += count
            counter.chars += len(text)
        first = log.last + 1
        last = log.last = log.last + count
        entries = log.entries
        entries.append(new_entry((first, last, kind, b"%b%b}" % (TEXT_PREFIX[kind], string), ends, None, verbatim)))
        if len(entries) > log.max_entries:
            log.shorten()
        reader = log.sole_reader
        if reader is None or log.on_append is not None:
            log.wake()
        else:
            reader()
        times = self._chunk_times
        if times is not None:
            times.held += (now, log.written_at)
            if now >= times.due:
                times.flush_at(now)
        return True

    def _join(self, data: bytes) -> tuple[bytes, str, Sequence[int], bytes | None] | None:
        """Return what a read of several chunks holds: the JSON of its text, the text, where each piece ends, its data.

        None: the usual path must take it. It would read the same texts as one batch.
        """
        *chunks, rest = data.split(_EVENT_END)
        if rest or len(chunks) < 2 or len(data) > MAX_BATCH_CHARS:
            return None
        strings, texts, lines, padding = list[bytes](), list[str](), list[bytes](), self._padding
        for at, chunk in enumerate(chunks):
            # The two line feeds of the event count for the CR LF behind the size.
            size = len(chunk) - len("ff")
            if size > 0xFF:
                size -= 1
                if not 0xFF < size < _ALLOWED_BYTES:
                    return None
            head, between, tail = self._around(size, at)
            start, end = len(head), len(chunk) - len(tail)
            string = chunk[start:end] if padding is None else padding.string_in(chunk, start, end, between)
            if not (chunk.startswith(head) and chunk.endswith(tail)) or len(string) < 3:
                return None
            if string[0] != _QUOTE or string[-1] != _QUOTE:
                return None
            try:
                texts.append(orjson.loads(string))
            except orjson.JSONDecodeError:
                return None
            strings.append(string[1:-1])
            lines.append(chunk[len(chunk) - size + 2 + self._data_at :])
        ends = array("I", accumulate(map(len, texts)))
        return b'"%b"' % b"".join(strings), "".join(texts), ends, b"\n".join(lines) if self._verbatim else None

    def _around(self, size: int, at: int) -> tuple[bytes, bytes, bytes]:
        """Return what is known of a chunk of some size, for the event `at` events after the next one."""
        head, between, tail = self._head, self._between, self._tail[: -len(_EVENT_END)]
        if self._number is None:
            return head % size, between, tail
        number = self._number + at
        if self._number_in == "head":
            return head % (size, number), between, tail
        if self._number_in == "tail":
            return head % size, between, tail % number
        return head % size, between % number, tail
