"""Retired words do not come back."""

from tests.vocabulary import findings


def test_no_retired_word_is_used() -> None:
    assert [str(finding) for finding in findings()] == []
