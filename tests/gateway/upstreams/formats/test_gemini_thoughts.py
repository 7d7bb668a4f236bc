"""Reasoning of other providers inside thought signatures."""

from base64 import b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstreams.formats.gemini_thoughts import pack, unpack

_DETAILS = st.lists(st.fixed_dictionaries({"type": st.text(), "text": st.text(), "signature": st.text()}))


@given(
    _DETAILS.filter(lambda details: all(c < "\ud800" or c > "\udfff" for d in details for v in d.values() for c in v))
)
def test_what_is_packed_comes_back(details: list[dict[str, str]]) -> None:
    packed = pack([{**each} for each in details])
    assert unpack(packed) == details
    # Google's libraries decode it, and encode it with the other alphabet.
    assert unpack(urlsafe_b64encode(b64decode(packed)).decode()) == details


@pytest.mark.parametrize("signature", ["", "CpcBAdHtim9", "skip_thought_signature_validator", "é", "eyJ4IjoxfQ=="])
def test_signatures_of_google_are_not_unpacked(signature: str) -> None:
    assert unpack(signature) == []


@given(st.text())
def test_no_signature_is_fatal(signature: str) -> None:
    assert isinstance(unpack(signature), list)
