"""Scripts and commands as they are sent."""

import hashlib

from gateway.store.redis.calls import Command, Script, ScriptCall
from gateway.store.redis.scripts import load_script


def test_a_script_is_called_by_its_digest() -> None:
    script = Script("return 1")
    call = ScriptCall(script, ("k", "l"), (1, b"x"))
    assert script.sha == hashlib.sha1(b"return 1").hexdigest()
    assert call.key == "k"
    assert call.words == ("EVALSHA", script.sha, 2, "k", "l", 1, b"x")
    assert Command("k", ("GET", "k")).words == ("GET", "k")


def test_comments_are_left_out_of_scripts() -> None:
    script = load_script("delete")
    assert "--" not in script.text
    assert script.text.startswith("local owner")
