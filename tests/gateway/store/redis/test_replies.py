"""Checks of what Redis replies."""

import pytest

from gateway.store.errors import StoreError
from gateway.store.redis.replies import as_bytes, as_int, as_list, as_text


def test_replies_have_the_expected_type() -> None:
    assert (as_int(5), as_int(b"-5"), as_bytes(b"\xff"), as_text(b"a\xff")) == (5, -5, b"\xff", "a\ufffd")
    assert (list(as_list([1, b"x"])), list(as_list(None))) == ([1, b"x"], [])


def test_others_are_errors_of_the_store() -> None:
    for check, reply in ((as_int, b"x"), (as_int, None), (as_bytes, 5), (as_text, None), (as_list, b"x")):
        with pytest.raises(StoreError, match="was expected"):
            check(reply)
