"""Key file: written for its owner only, read back, and its problems reported by line."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.admission.limits import PrincipalLimits
from gateway.config import ConfigurationError
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_file import exclusive_access, read_keys, write_keys
from gateway.security.principals import ROLES

numbers = st.none() | st.integers(0, 10**9)
moments = st.none() | st.integers(0, 4_000_000_000).map(float)
# TOML has no surrogates.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.builds(
    StoredKey,
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    st.builds(lambda: generate_key().id),
    st.builds(lambda: hash_secret(generate_key().secret)),
    moments,
    moments,
    st.none() | st.frozensets(words, max_size=3),
    st.frozensets(st.sampled_from(sorted(ROLES))),
    st.builds(
        PrincipalLimits,
        rate_limit_per_minute=numbers,
        rate_limit_burst=st.none() | st.integers(1, 9),
        output_tokens_per_minute=numbers,
        max_concurrent=numbers,
        budget_per_day=st.none() | st.floats(0, 1e6, width=32),
        max_streams=numbers,
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(keys, max_size=4, unique_by=(lambda key: key.name, lambda key: key.id)))
def test_written_keys_are_read_back(tmp_path: Path, written: list[StoredKey]) -> None:
    file = tmp_path / "keys.toml"
    write_keys(file, written)
    assert read_keys(file) == written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [left.name for left in tmp_path.iterdir()] == ["keys.toml"]


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "keys.toml"
    link.symlink_to(tmp_path / "real" / "keys.toml")
    write_keys(link, [])
    assert link.is_symlink()
    assert read_keys(tmp_path / "real" / "keys.toml") == []


def test_a_failed_write_leaves_the_previous_file(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "keys.toml"
    with pytest.raises(OSError, match="No such file"):
        write_keys(file, [])
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_keys(tmp_path / "folder", [])
    assert [left.name for left in tmp_path.iterdir()] == ["folder"]


GOOD = f'id = "abcd1234"\nhash = "{"0" * 64}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[keys.a]\n", "1: keys.a.id: is missing"),
        (f"[keys.a]\n{GOOD}x = 1\n", "4: keys.a.x: unknown setting; known are: id, hash, created"),
        (f'[keys.a]\n{GOOD}expires = "soon"\n', "4: keys.a.expires: must be a valid datetime"),
        (f'[keys.a]\n{GOOD}roles = ["root"]\n', "4: keys.a.roles[0]: must be 'observe' or 'operate'"),
        (f"[keys.a]\n{GOOD}max_concurrent = -1\n", "4: keys.a.max_concurrent: must be greater than or equal to 0"),
        (
            f"[keys.a]\n{GOOD}max_concurent = 1\n",
            "4: keys.a.max_concurent: unknown setting: did you mean max_concurrent?",
        ),
        (f'[keys.a]\nid = 5\nhash = "{"0" * 64}"\n', "2: keys.a.id: must be a string in quotes"),
        (f'[keys.a]\n{GOOD}models = "m"\n', "4: keys.a.models: must be a list"),
        (f'[keys.a]\n{GOOD}max_streams = "5"\n', "4: keys.a.max_streams: must be a whole number"),
        ("keys.a = 5\n", "1: keys.a: must be a table"),
        (f'[keys.a]\nid = "x"\nhash = "{"0" * 64}"\n', "1: keys.a: the id of a key must be"),
        ('[keys.a]\nid = "abcd1234"\nhash = "ds_secret"\n', "1: keys.a: the hash of a key must be"),
        (f'[keys."a b"]\n{GOOD}', '1: keys."a b": the name of a key has letters'),
        (f"[keys.a]\n{GOOD}[keys.b]\n{GOOD}", "1: keys: two keys have the id abcd1234"),
        ("keys = 3\n", "1: keys: must be a table"),
        ("[key.a]\n", "1: key: unknown setting: did you mean keys?"),
        ("[keys\n", "1: is not TOML"),
    ],
)
def test_a_problem_is_reported_with_its_line_and_without_a_hash(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        read_keys(file)
    assert f"{file}:{said}" in str(error.value)
    assert "0000" not in str(error.value)
    assert "ds_secret" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        read_keys(tmp_path / "keys.toml")


def test_a_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(f"[keys.a]\n{GOOD}created = 1970-01-01T00:01:00\nexpires = 1970-01-02T01:00:00+01:00\n")
    (key,) = read_keys(file)
    assert (key.created, key.expires) == (60, 86_400)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_beyond_the_years_of_utc_is_refused(tmp_path: Path, moment: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(f'[keys.alice]\nid = "Xb41cQ7r"\nhash = "{"0" * 64}"\nexpires = {moment}\n', "utf-8")
    with pytest.raises(ConfigurationError, match=r"keys\.alice: .*beyond the years 1 to 9999"):
        read_keys(file)


KEY = generate_key()


ALICE = StoredKey("alice", KEY.id, hash_secret(KEY.secret))


def test_concurrent_changes_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    write_keys(file, [ALICE])
    command = [sys.executable, "-m", "gateway", "keys"]
    with exclusive_access(file):
        # Both wait for the lock.
        actions = (["create", "bob"], ["revoke", "alice"])
        running = [
            subprocess.Popen([*command, *action, "--file", str(file)], stdout=subprocess.DEVNULL) for action in actions
        ]
        with pytest.raises(subprocess.TimeoutExpired):
            running[0].wait(1.5)
        write_keys(file, [ALICE, StoredKey("carol", "abcd1234", hash_secret("x"))])
    assert [process.wait(30) for process in running] == [0, 0]
    assert {key.name for key in read_keys(file)} == {"bob", "carol"}


def test_a_lock_that_is_never_released_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    with (
        exclusive_access(file),
        pytest.raises(TimeoutError, match="keeps it locked"),
        exclusive_access(file, wait_seconds=0),
    ):
        pytest.fail("two have the lock")  # pragma: no cover
    with exclusive_access(file, wait_seconds=0):
        pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_the_file_keeps_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    write_keys(file, [ALICE])
    os.chown(file, 1234, 1235)
    write_keys(file, [])
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (1234, 1235, 0o600)


def test_a_key_in_place_of_a_name_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(f"[keys.{KEY.text()}]\n")
    with pytest.raises(ConfigurationError, match="1: keys: the name of a key") as error:
        read_keys(file)
    assert KEY.secret not in str(error.value)
