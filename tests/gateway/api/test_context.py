"""What is read from the scope of a request."""

from starlette.datastructures import Headers
from starlette.types import Scope

from gateway.api.context import headers_of


def test_of_headers_with_the_same_name_the_first_counts_as_in_starlette() -> None:
    scope: Scope = {"headers": [(b"host", b"a"), (b"x-name", b"caf\xe9"), (b"x-name", b"2"), (b"host", b"b")]}
    headers = headers_of(scope)
    assert {**headers} == {name: Headers(scope=scope)[name] for name in ("host", "x-name")}
    assert headers["x-name"] == "café"
    assert headers_of(scope) is headers
