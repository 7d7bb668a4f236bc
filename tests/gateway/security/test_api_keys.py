"""API keys: generated, parsed and verified."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security.api_keys import (
    ApiKey,
    ExpiredKeyError,
    StoredKey,
    check_unique,
    generate_key,
    hash_secret,
    index_by_id,
    parse_key,
    parse_stored_key,
    verify_key,
)

BASE64URL = string.ascii_letters + string.digits + "-_"
texts = st.builds(
    ApiKey,
    st.text(string.ascii_letters + string.digits, min_size=8, max_size=8),
    st.text(BASE64URL, min_size=43, max_size=43),
)


def stored(key: ApiKey, expires: float | None = None) -> dict[str, StoredKey]:
    return index_by_id([StoredKey("alice", key.id, hash_secret(key.secret), expires=expires)])


def test_a_new_key_has_a_unique_secret_of_256_random_bits() -> None:
    keys = {generate_key().text() for _ in range(100)}
    assert len(keys) == 100
    for text in keys:
        key = parse_key(text)
        assert key is not None
        assert key.text() == text
        assert len(key.secret) == 43


@given(texts)
def test_the_text_of_a_key_is_parsed_back(key: ApiKey) -> None:
    assert parse_key(key.text()) == key


@given(st.text(max_size=80) | st.text(BASE64URL, max_size=60).map(lambda text: f"ds_{text}"))
def test_any_other_text_is_not_a_key(text: str) -> None:
    key = parse_key(text)
    assert key is None or key.text() == text
    assert verify_key(text, {}, 0) is None


@given(texts, texts)
def test_only_the_exact_key_is_verified(key: ApiKey, other: ApiKey) -> None:
    known = stored(key)
    assert verify_key(key.text(), known, 0) == known[key.id]
    for wrong in (ApiKey(key.id, other.secret), ApiKey(other.id, key.secret), other):
        assert wrong == key or verify_key(wrong.text(), known, 0) is None


@given(texts, st.integers(0, 54), st.sampled_from(BASE64URL))
def test_a_key_with_another_letter_is_another_key(key: ApiKey, at: int, letter: str) -> None:
    text = key.text()[:at] + letter + key.text()[at + 1 :]
    assert (verify_key(text, stored(key), 0) is None) == (text != key.text())


def test_only_the_holder_of_the_secret_learns_that_it_has_expired() -> None:
    key, other = generate_key(), generate_key()
    known = stored(key, expires=100)
    assert verify_key(key.text(), known, 99.9)
    with pytest.raises(ExpiredKeyError):
        verify_key(key.text(), known, 100)
    assert verify_key(ApiKey(key.id, other.secret).text(), known, 100) is None


def test_neither_secret_nor_hash_is_shown() -> None:
    key = generate_key()
    for shown in (repr(key), str(key), repr(stored(key))):
        assert key.secret not in shown
        assert hash_secret(key.secret) not in shown


def test_a_key_is_parsed_from_the_environment() -> None:
    key = generate_key()
    assert parse_stored_key(f"alice:{key.id}:{hash_secret(key.secret)}") == stored(key)[key.id]


@pytest.mark.parametrize("text", ["", "alice", "al ice:abcd1234:" + "0" * 64, "a:abcd123:" + "0" * 64, "a:abcd1234:0"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="of a key"):
        parse_stored_key(text)


def test_a_key_given_by_mistake_is_not_shown() -> None:
    key = generate_key().text()
    for text in (key, f"{key}:abcd1234:{'0' * 64}", f"a:{key}:x", f"a:abcd1234:{key}"):
        with pytest.raises(ValueError, match="of a key") as error:
            parse_stored_key(text)
        assert key not in str(error.value)


def test_two_keys_with_the_same_name_or_id_are_refused() -> None:
    first = StoredKey("a", "abcd1234", "0" * 64)
    check_unique([first, StoredKey("b", "abcd1235", "0" * 64)])
    for other in (StoredKey("a", "abcd1235", "1" * 64), StoredKey("b", "abcd1234", "1" * 64)):
        with pytest.raises(ValueError, match="two keys have the"):
            check_unique([first, other])
