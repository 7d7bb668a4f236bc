"""Changes of a key file: each is a whole one, and none is lost to another that comes at the same time."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from gateway.config import ConfigurationError
from gateway.security import key_changes
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_changes import KeyConflictError, UnknownKeyError, add_key, alter_key, remove_keys
from gateway.security.key_file import read_keys, write_keys


def stored(name: str) -> StoredKey:
    key = generate_key()
    return StoredKey(name, key.id, hash_secret(key.secret))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    write_keys(path, [stored("alice")])
    return path


def test_a_key_is_added_altered_and_removed(file: Path) -> None:
    bob = stored("bob")
    add_key(file, bob)
    altered = alter_key(file, bob.id, lambda key: replace(key, roles=frozenset({"observe"})))
    assert read_keys(file)[1] == altered
    assert [key.name for key in remove_keys(file, lambda key: key.name == "alice")] == ["alice"]
    assert read_keys(file) == [altered]


def test_a_missing_file_is_created_only_where_that_is_meant(tmp_path: Path) -> None:
    missing = tmp_path / "keys.toml"
    with pytest.raises(ConfigurationError):
        add_key(missing, stored("a"))
    with pytest.raises(ConfigurationError):
        alter_key(missing, "x", lambda key: key)
    with pytest.raises(ConfigurationError):
        remove_keys(missing, lambda _key: True)
    assert not missing.exists()
    add_key(missing, stored("a"), create=True)
    assert [key.name for key in read_keys(missing)] == ["a"]


def test_what_can_not_be_done_writes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def refuse(_keys: object) -> None:
        message = "no price"
        raise ConfigurationError(message)

    with pytest.raises(KeyConflictError, match="a key named alice exists already"):
        add_key(file, stored("alice"))
    with pytest.raises(UnknownKeyError, match="its keys: alice"):
        alter_key(file, "nobody", lambda key: key)
    with pytest.raises(UnknownKeyError):
        remove_keys(file, lambda _key: False)
    with pytest.raises(ConfigurationError, match="no price"):
        add_key(file, stored("bob"), refuse)
    (alice,) = read_keys(file)
    with pytest.raises(ConfigurationError, match="no price"):
        alter_key(file, alice.id, lambda key: replace(key, expires=1.0), refuse)
    # Nothing is written, so nothing is checked.
    assert alter_key(file, alice.id, lambda key: key, refuse) == alice
    monkeypatch.setattr(key_changes, "MAX_KEYS", 1)
    with pytest.raises(KeyConflictError, match="has 1 keys, and 1 at most"):
        add_key(file, stored("bob"))
    assert file.read_bytes() == before


def test_many_changes_at_once_lose_none(file: Path) -> None:
    threads = [Thread(target=add_key, args=(file, stored(f"k{number}"))) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in read_keys(file)} == {"alice", *(f"k{number}" for number in range(20))}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "keys.toml"
    os.mkfifo(pipe)
    changes: tuple[Callable[[], object], ...] = (
        lambda: add_key(pipe, stored("bob")),
        lambda: add_key(pipe, stored("bob"), create=True),
        lambda: alter_key(pipe, "id", lambda key: key),
        lambda: remove_keys(pipe, lambda _key: True),
    )
    for change in changes:
        with pytest.raises(OSError, match="a pipe or a device"):
            change()
