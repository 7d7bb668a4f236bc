"""The header and the parameter that say for how long text is joined."""

import pytest
from starlette.requests import HTTPConnection

from gateway.api.coalescing import coalesce_header, coalesce_parameter, with_coalesce_header
from gateway.protocol.errors import Refused
from tests.start_requests import start_request


def connection(query: bytes) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "query_string": query})


@pytest.mark.parametrize(("text", "milliseconds"), [("0", 0), ("50", 50), (" 50 ", 50), ("1000", 1000), ("0050", 50)])
def test_a_number_of_milliseconds(text: str, milliseconds: int) -> None:
    assert coalesce_header({"x-coalesce-ms": text}) == milliseconds
    assert coalesce_parameter(connection(f"coalesce_ms={text}".encode())) == milliseconds


def test_without_one_it_is_left_to_the_start() -> None:
    assert coalesce_header({}) is None
    assert coalesce_parameter(connection(b"")) is None
    assert coalesce_parameter(connection(b"watch=true")) is None


@pytest.mark.parametrize("text", ["", "-1", "1001", "99999", "50ms", "0.05", "5e1", "\u0665\u0660", "true"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused, match=r"^x-coalesce-ms: .* from 0 to 1000, such as 50") as of_header:
        coalesce_header({"x-coalesce-ms": text})
    with pytest.raises(Refused, match=r"^coalesce_ms: .* from 0 to 1000, such as 50") as of_parameter:
        coalesce_parameter(connection(b"coalesce_ms=%b" % text.encode()))
    assert (of_header.value.param, of_header.value.status) == ("x-coalesce-ms", 400)
    assert (of_parameter.value.param, of_parameter.value.status) == ("coalesce_ms", 400)


def test_a_header_precedes_the_body() -> None:
    start = start_request(coalesce_ms=20, seed=1)
    assert with_coalesce_header(start, {}) is start
    changed = with_coalesce_header(start, {"x-coalesce-ms": "0"})
    assert (changed.options.coalesce_ms, changed.options.seed) == (0, 1)
