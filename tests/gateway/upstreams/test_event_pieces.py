"""An event divided into pieces: where number and padding are found, and where they are not."""

import pytest

from gateway.upstreams.event_pieces import EventPieces, Padding, Piece


def pieces(event: str) -> EventPieces:
    """Return the pieces of an event whose text is `TEXT`."""
    prefix, _, suffix = event.encode().partition(b"TEXT")
    return EventPieces.of(prefix, suffix)


@pytest.mark.parametrize(
    ("event", "head", "between", "tail"),
    [
        ('{"a":TEXT}', '{"a":', "", "}"),
        ('{"a":TEXT,"obfuscation":"xyz"}', '{"a":', ',"obfuscation":"', '"}'),
        ('{"a":TEXT,"p": "","b":1}', '{"a":', ',"p": "', '","b":1}'),
        ('{"obfuscation":"xyz","a":TEXT}', '{"obfuscation":"', '","a":', "}"),
        ('{"a":{"b":TEXT}   }', '{"a":{"b":', "}", "}"),
        ('{"a":TEXT,"b":1 }', '{"a":', ',"b":1', "}"),
        ('{"a":{"b":TEXT   }}', '{"a":{"b":', "", "   }}"),
        ('{"a":TEXT   }', '{"a":', "", "   }"),
        ('{"a":TEXT,"p":"x\\n"}', '{"a":', "", ',"p":"x\\n"}'),
        ('{"a":TEXT,"p":"é"}', '{"a":', "", ',"p":"é"}'),
        ('{"a":TEXT,"p":1}', '{"a":', "", ',"p":1}'),
        ('{"a":TEXT,"b":"\\"p\\":\\"x\\""}', '{"a":', "", ',"b":"\\"p\\":\\"x\\""}'),
        ('{"a":TEXT,"p":"x","obfuscation":"y"}', '{"a":', ',"p":"', '","obfuscation":"y"}'),
    ],
)
def test_the_padding_is_found(event: str, head: str, between: str, tail: str) -> None:
    found = pieces(event)
    assert (found.head, found.between, found.tail) == tuple(Piece(part.encode()) for part in (head, between, tail))
    assert (found.padding is None) == (between == "")
    assert found.number_in is None


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ('{"sequence_number":5,"a":TEXT,"obfuscation":"x"}', "head"),
        ('{"a":TEXT,"sequence_number":5,"obfuscation":"x"}', "between"),
        ('{"a":TEXT,"obfuscation":"x","sequence_number":5}', "tail"),
        ('{"obfuscation":"x","sequence_number":5,"a":TEXT}', "between"),
        ('{"a":TEXT,"sequence_number":5   }', "between"),
        ('{"sequence_number":5,"a":TEXT,"sequence_number":6}', "head"),
        ('{"a":TEXT,"sequence_number":"5"}', None),
    ],
)
def test_the_first_number_is_found(event: str, place: str | None) -> None:
    found = pieces(event)
    numbered = [name for name in ("head", "between", "tail") if getattr(found, name).is_numbered]
    assert numbered == ([] if place is None else [place])
    assert found.number_in == place


@pytest.mark.parametrize(
    ("event", "probe"),
    [
        ('{"a":TEXT}', '{"a":PROBE}'),
        ('{"a":TEXT,"p":"x"}', '{"a":PROBE,"p":"dualstream"}'),
        ('{"p":"x","a":TEXT}', '{"p":"dualstream","a":PROBE}'),
        ('{"sequence_number":1,"a":TEXT }', '{"sequence_number":987654321987654321,"a":PROBE }'),
        ('{"a":{"b":TEXT} }', '{"a":{"b":PROBE}  }'),
    ],
)
def test_the_probe_has_another_text_number_and_padding(event: str, probe: str) -> None:
    assert pieces(event).probe().decode() == probe.replace("PROBE", '"\\u0001dualstream\\u0001"')


@pytest.mark.parametrize("is_first", [False, True])
def test_what_is_not_padding_is_no_string(is_first: bool) -> None:
    padding = Padding(b"ab", is_first, b"a")

    def string_in(first: bytes, second: bytes, between: bytes = b'"-"') -> bytes:
        data = b"<" + (second + between + first if is_first else first + between + second) + b">"
        return padding.string_in(data, 1, len(data) - 1, b'"-"')

    assert string_in(b"text", b"abba") == b"text"
    assert string_in(b"text", b"") == b"text"
    assert string_in(b"text", b"abc") == b""
    assert string_in(b"text", b"ab", b'"+"') == b""
    assert padding.string_in(b'<"-">', 3, 2, b'"-"') == b""
