"""Division of text between graphemes."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.graphemes import graphemes, pieces, truncate

GRAPHEMES = [
    *"abc xyz.,\n\t漢字ไ",
    "\r\n",
    "e\u0323\u0302",  # ệ, decomposed
    "o\u031b\u0309",  # ở, decomposed
    "นี้",
    "\u1112\u1161\u11ab",  # 한, decomposed
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
    "\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}",
    "\N{MAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}\N{ZERO WIDTH JOINER}\N{ROCKET}",
    "\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}\N{ZERO WIDTH JOINER}\N{FIRE}",
    "\N{WAVING BLACK FLAG}\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "\U0001f1fb\U0001f1f3",
    "1\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}",
]

known = st.lists(st.sampled_from(GRAPHEMES), max_size=80)


@given(known)
def test_each_grapheme_stays_whole(parts: list[str]) -> None:
    assert list(graphemes("".join(parts))) == parts


@given(known)
def test_pieces_end_where_graphemes_end(parts: list[str]) -> None:
    ends = set(accumulate(map(len, parts)))
    assert set(accumulate(map(len, pieces("".join(parts))))) <= ends


@given(known)
def test_pieces_have_one_to_seven_graphemes(parts: list[str]) -> None:
    assert all(1 <= len(list(graphemes(piece))) <= 7 for piece in pieces("".join(parts)))


@given(st.text())
def test_pieces_join_to_any_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(), st.integers(1, 9))
def test_pieces_of_a_size_may_split_graphemes(text: str, size: int) -> None:
    chunks = list(pieces(text, size))
    assert "".join(chunks) == text
    assert all(len(piece) == size for piece in chunks[:-1])


@given(known, st.integers(0, 100))
def test_truncate_keeps_as_many_whole_graphemes_as_fit(parts: list[str], length: int) -> None:
    ends = [0, *accumulate(map(len, parts))]
    assert len(truncate("".join(parts), length)) == max(end for end in ends if end <= length)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the slow river", ["the s", "low r", "iver"]),
        ("a river of news", ["a river", " of n", "ews"]),
        ("wonderfully", ["wonde", "rfully"]),
    ],
)
def test_pieces_follow_words(text: str, expected: list[str]) -> None:
    assert list(pieces(text)) == expected
