"""`dualstream top`: its output without a terminal, and its errors."""

import orjson
import pytest

from gateway.cli.main import main
from gateway.cli.top.command import _describe, _print
from gateway.protocol.errors import Code, Refused, forbidden, invalid
from tests.served.gateway import Served


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1 can't be reached: Connection refused"),
        ("ftp://x", "url: 'ftp://x' is not the address of a gateway"),
    ],
)
def test_an_address_without_a_gateway_is_an_error(url: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--url", url]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"dualstream: {message}")


def test_a_key_that_can_not_be_sent_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--url", "http://127.0.0.1:1", "--key", "ds_x y"]) == 1
    assert "ds_x" not in capsys.readouterr().err


async def test_it_is_printed_once_as_a_table_or_as_json(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _print(served.url, None, once=True, as_lines=False) == 0
    assert "Nothing runs." in capsys.readouterr().out
    assert await _print(served.url, None, once=True, as_lines=True) == 0
    (line,) = capsys.readouterr().out.splitlines()
    data = orjson.loads(line)
    assert data.keys() == {"time", "totals", "gateways", "running", "omitted"}
    assert (data["running"], data["totals"]["running"]) == ([], 0)


def test_a_refusal_says_what_to_do() -> None:
    assert "older than this command" in _describe(invalid("Nothing.", status=404))
    for refused in (forbidden("operate"), Refused(Code.AUTH_ERROR, "The key or token is not valid here.", status=401)):
        assert _describe(refused) == f"{refused.message} (dualstream top reads the key from DUALSTREAM_TOKEN)"
    assert _describe(Refused(Code.RATE_LIMIT, "Too many\x1b[2J.")) == "Too many␛[2J."
