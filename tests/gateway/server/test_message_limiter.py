"""Messages within the limit pass as they came, at every split; others are dropped, and announced once."""

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from gateway.admission.prompts import PromptMemory
from gateway.server.message_limiter import END_OF_MESSAGE, LONG_CONTROL_FRAME, Dropped, MessageLimiter

LIMIT = 300


def encode(opcode: int, payload: bytes, *, last: bool = True, mask: bytes = b"\1\2\3\4") -> bytes:
    size = len(payload)
    length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([(128 if last else 0) | opcode]) + length + mask + masked


def feed(limiter: MessageLimiter, stream: bytes, cuts: list[int]) -> tuple[bytes, list[Dropped]]:
    passed, dropped, edges = b"", [], sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        for item in limiter.feed(stream[start:end]):
            if isinstance(item, Dropped):
                dropped.append(item)
            else:
                passed += item
    return passed, dropped


def parsed(read: bytes) -> list[Frame]:
    """Return the frames that the library reads; the last one is a ping, if it could read everything."""
    library = ServerProtocol(state=OPEN, max_size=None)
    library.receive_data(read + encode(9, b"?"))
    return [event for event in library.events_received() if isinstance(event, Frame)]


SIZES = st.sampled_from([0, 1, 125, 126, 127, 255, 256, LIMIT, LIMIT + 1])
LENGTHS = st.sampled_from([b"", b"\x80", b"\xfe\0\x7d", b"\xfe\0\x7e", b"\xff" + bytes(7) + b"\x7e"])


@given(st.sampled_from(range(16)), st.booleans(), SIZES, st.binary(min_size=4, max_size=4))
def test_a_whole_text_is_what_the_library_reads(opcode: int, last: bool, size: int, mask: bytes) -> None:
    read = encode(opcode, bytes(at % 256 for at in range(size)), last=last, mask=mask)
    text = MessageLimiter(LIMIT).whole_text(read)
    assert (text is not None) == (opcode == 1 and last and size <= LIMIT)
    if text is not None:
        assert [(frame.opcode, bytes(frame.data)) for frame in parsed(read)] == [(1, text), (9, b"?")]


@given(st.sampled_from([0x81, 0xC1, 0x01, 0x82, 0x89]), LENGTHS, st.binary(max_size=140))
def test_other_reads_are_no_whole_text(first: int, length: bytes, rest: bytes) -> None:
    read = bytes([first]) + length + rest
    text = MessageLimiter(LIMIT).whole_text(read)
    if text is not None:
        assert [(frame.opcode, bytes(frame.data)) for frame in parsed(read)] == [(1, text), (9, b"?")]


def test_within_a_message_no_read_is_a_whole_text() -> None:
    whole = encode(1, b"{}")
    for before in (whole[:1], whole[:7], encode(1, b"a", last=False), encode(1, b"x" * (LIMIT + 1))[:-1]):
        limiter = MessageLimiter(LIMIT)
        limiter.feed(before)
        assert limiter.whole_text(whole) is None


FRAGMENTS = st.lists(st.binary(max_size=140), min_size=1, max_size=4)
CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(st.lists(FRAGMENTS, max_size=5), CUTS)
def test_messages_within_the_limit_pass_and_others_are_dropped(messages: list[list[bytes]], cuts: list[int]) -> None:
    stream, expected, too_large = b"", b"", 0
    for fragments in messages:
        size, is_dropped = 0, False
        for at, payload in enumerate(fragments):
            last = at == len(fragments) - 1
            one = encode(1 if at == 0 else 0, payload, last=last)
            ping = encode(9, b"?")
            stream, size = stream + one + ping, size + len(payload)
            is_dropped = is_dropped or size > LIMIT
            expected += (END_OF_MESSAGE if last else b"") + ping if is_dropped else one + ping
        too_large += is_dropped
    memory = PromptMemory()
    limiter = MessageLimiter(LIMIT)
    limiter.reservation = memory.reserve("a", "")
    passed, dropped = feed(limiter, stream, cuts)
    assert passed == expected
    assert [item.refused.status for item in dropped] == [413] * too_large
    assert memory.used == 0


@given(CUTS)
def test_the_beginning_of_a_dropped_message_is_known(cuts: list[int]) -> None:
    text = b'{"type":"start","id":7,"messages":"' + b"x" * 2000 + b'"}'
    passed, (dropped,) = feed(MessageLimiter(LIMIT), encode(1, text) + encode(1, b"next"), cuts)
    assert passed == encode(1, b"next")
    assert text.startswith(dropped.text().encode())
    assert dropped.text().startswith('{"type":"start","id":7,')


@given(CUTS)
def test_a_message_that_finds_no_memory_is_dropped_from_there_on(cuts: list[int]) -> None:
    memory, limiter = PromptMemory(250), MessageLimiter(LIMIT)
    limiter.reservation = memory.reserve("a", "")
    memory.reserve("b", "", 150)
    stream = encode(1, b"a" * 90, last=False) + encode(0, b"b" * 90, last=False) + encode(0, b"c") + encode(1, b"next")
    passed, dropped = feed(limiter, stream[:200] + stream[200:], [100, *cuts])
    assert passed.endswith(encode(1, b"next"))
    assert all(item.refused.status == 503 for item in dropped)
    assert memory.used == 150


def test_what_was_received_of_a_message_is_counted_until_it_is_complete() -> None:
    memory, limiter = PromptMemory(), MessageLimiter(LIMIT)
    limiter.reservation = memory.reserve("a", "")
    whole = encode(1, b"x" * 200)
    assert limiter.feed(whole[:100]) == []
    assert memory.used == 100
    assert limiter.feed(whole[100:]) == [whole]
    assert memory.used == 0


def test_a_control_frame_that_is_too_long_is_not_kept() -> None:
    limiter = MessageLimiter(LIMIT)
    assert limiter.feed(b"\x89\xff" + struct.pack("!Q", 1 << 40) + b"\0\0\0\0") == [LONG_CONTROL_FRAME]
