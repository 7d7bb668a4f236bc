"""Stamps in a text."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.stamps import PLACEHOLDER, fill, read_stamps


@given(st.lists(st.text(max_size=10).filter(lambda text: "@" not in text)), st.integers(0, 10**18))
def test_what_is_filled_in_is_read(texts: list[str], now: int) -> None:
    text = "".join(f"{PLACEHOLDER}{each}" for each in texts)
    filled = fill(text.encode("utf-8", "surrogatepass"), now).decode("utf-8", "surrogatepass")
    assert read_stamps(filled) == [now] * len(texts)
    assert len(filled) == len(text)


def test_other_texts_have_no_stamps() -> None:
    assert read_stamps("a@b.example @12@ @123456789012345678@ @12345678901234567890@") == []
