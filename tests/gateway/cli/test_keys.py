"""`dualstream keys`: what it prints, what it stores, and its errors."""

from pathlib import Path

import pytest

from gateway.cli.keys import format_table, parse_expiry
from gateway.cli.main import main
from gateway.security.api_keys import hash_secret, parse_key, verify_key
from gateway.security.api_keys import index_by_id as keys_by_id
from gateway.security.key_file import read_keys

DAY = 86_400


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keys(*arguments: str) -> int:
    return main(["keys", *arguments])


def test_a_key_is_printed_once_and_kept_as_its_hash(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys("create", "alice") == 0
    printed = capsys.readouterr()
    text = printed.out.strip()
    key = parse_key(text)
    assert key is not None
    file = folder / "dualstream.keys.toml"
    (kept,) = read_keys(file)
    assert (kept.name, kept.hash) == ("alice", hash_secret(key.secret))
    assert verify_key(text, keys_by_id([kept]), 0) == kept
    assert key.secret not in file.read_text() + printed.err
    assert "keys_file" in printed.err
    assert keys("list") == 0
    listed = capsys.readouterr().out
    assert "alice" in listed
    assert key.id in listed
    assert kept.hash not in listed


def test_a_key_may_have_models_an_expiry_limits_and_roles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--models", "a, b", "--expires", "90d", "--rate", "5", "--budget", "1.5", "--max-concurrent", "2"]
    options += ["--max-streams", "3"]
    assert keys("create", "bob", *options, "--role", "observe", "--role", "operate", "--file", "k.toml") == 0
    (kept,) = read_keys(folder / "k.toml")
    assert kept.models == frozenset("ab")
    assert kept.expires is not None
    assert kept.created is not None
    assert kept.expires - kept.created == 90 * DAY
    limits = kept.limits
    assert (limits.rate_limit_per_minute, limits.budget_per_day, limits.max_concurrent) == (5, 1.5, 2)
    assert limits.max_streams == 3
    capsys.readouterr()
    assert keys("list", "--file", "k.toml") == 0
    (titles, row) = capsys.readouterr().out.splitlines()
    assert titles.split() == ["NAME", "ID", "CREATED", "EXPIRES", "MODELS", "ROLES", "LIMITS"]
    limits_shown = ("rate_limit_per_minute=5", "budget_per_day=1.5", "max_concurrent=2", "max_streams=3")
    for shown in ("a,b", "observe,operate", *limits_shown):
        assert shown in row
    assert "(expired)" in format_table([kept], kept.expires)[1]


def test_the_file_of_the_configuration_is_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # An error in another setting must not prevent revoking a key.
    (folder / "dualstream.toml").write_text('keys_file = "mine.toml"\nport = "x"\n')
    assert keys("create", "alice") == 0
    assert "accepts it within 2 seconds" in capsys.readouterr().err
    assert [key.name for key in read_keys(folder / "mine.toml")] == ["alice"]
    assert keys("revoke", "alice") == 0
    assert read_keys(folder / "mine.toml") == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["create", "alice"], 2, "a key named alice exists already"),
        (["create", "a b"], 2, "the name of a key has letters"),
        (["create", "b", "--models", ","], 2, "--models: name at least one model"),
        (["create", "b", "--expires", "soon"], 2, "--expires: must be a number of days such as 90d"),
        (["create", "b", "--expires", "2001-01-31"], 2, "--expires: is in the past"),
        (["create", "b", "--rate", "-1"], 2, "--rate: must be 0 or more"),
        (["create", "b", "--budget", "inf"], 2, "--budget: must be 0 or more"),
        (["create", "b", "--file", "nowhere/k.toml"], 1, "can't be written: No such file"),
        (["revoke", "b"], 2, "has no such key; its keys: alice"),
        (["list", "--file", "b.toml"], 2, "can't be read"),
    ],
)
def test_errors_change_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert keys("create", "alice") == 0
    before = (folder / "dualstream.keys.toml").read_bytes()
    capsys.readouterr()
    assert keys(*arguments) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert not printed.out
    assert (folder / "dualstream.keys.toml").read_bytes() == before


def test_an_expiry_is_a_number_of_days_or_a_date() -> None:
    assert parse_expiry("90d", 1000) == 1000 + 90 * DAY
    assert parse_expiry("1970-02-01", 1000) == 31 * DAY
    assert parse_expiry("1970-02-01T01:00:00+01:00", 1000) == 31 * DAY
    assert parse_expiry("1970-02-01T12:00Z", 1000) == 31.5 * DAY
    for wrong in ("", "0d", "-1d", "d", "90", "1970-13-01", "99999999d"):
        with pytest.raises(ValueError, match="--expires"):
            parse_expiry(wrong, 1000)


def test_a_configuration_that_is_not_toml_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "dualstream.toml").write_text("[")
    assert keys("list") == 2
    assert "is not TOML" in capsys.readouterr().err
