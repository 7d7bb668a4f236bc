"""The data of an event as it is passed on."""

import pytest
from pydantic import SecretStr

from gateway.upstreams.verbatim_line import has_key, verbatim_line


@pytest.mark.parametrize("line", [b'{"b": 1.50,"a":"\xe2\x80\xa8"}', rb'{"a":"\ud83d"}', b'{"a":1e400}', b"{}"])
def test_an_object_stays_as_it_is(line: bytes) -> None:
    assert verbatim_line(line) == line


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (b'{"a":\n1}', b'{"a": 1}'),
        (b'   {"a":1} ', b'{"a":1}'),
        (b'[{"a":1}]', b'{"a":1}'),
        (b'{"a":NaN,"b":[-Infinity,1e400]}', b'{"a":null,"b":[null,null]}'),
        (rb'{"a":NaN,"b":"\ude42"}', rb'{"a":null,"b":"\ude42"}'),
    ],
)
def test_what_clients_can_not_parse_is_mended(payload: bytes, line: bytes) -> None:
    assert verbatim_line(payload) == line


@pytest.mark.parametrize(
    "payload",
    [b"[DONE]", b"", b"null", b"ping", b"5", b"[]", b"[1]", b"{", b'{"a":"\xed"}', b'{"a":"\0"}', b"[" * 100_000],
)
def test_what_is_no_object_has_no_line(payload: bytes) -> None:
    assert verbatim_line(payload) == b""


def test_a_key_is_found_with_other_characters_in_between() -> None:
    key = SecretStr("sk-abcdefghijkl")
    assert has_key(b'{"error":{"message":"No such key: SK-ABCD-EFGH"}}', key)
    assert not has_key(b'{"error":{"message":"No such key"}}', key)
    assert not has_key(b'{"error":{"message":"sk-abcdefghijkl"}}', None)
