"""What is asked of Redis: scripts and commands, each with the key that decides on the node of a cluster. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.store.redis.replies import Argument


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, which Redis runs as a whole.

    https://redis.io/docs/latest/develop/programmability/eval-intro/
    """

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # SHA-1 is what Redis names scripts by.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)


# Plain classes: a named tuple costs two calls, and there is one of these for each command that is sent.
class ScriptCall:
    """A script with its keys, at least one, and arguments. In a cluster, all keys must have the same hash tag."""

    __slots__ = ("keys", "script", "words")

    def __init__(self, script: Script, keys: Sequence[str], args: Sequence[Argument] = ()) -> None:
        self.script = script
        self.keys = keys
        self.words: Sequence[Argument] = ("EVALSHA", script.sha, len(keys), *keys, *args)
        """The command."""

    @property
    def key(self) -> str:
        """Return the key that decides on the node."""
        return self.keys[0]


class Command:
    """A command. `key` is the key among its words, which decides on the node."""

    __slots__ = ("key", "words")

    def __init__(self, key: str, words: Sequence[Argument]) -> None:
        self.key = key
        self.words = words

    @property
    def keys(self) -> Sequence[str]:
        """Return the key, as the keys of a script."""
        return (self.key,)


Call = ScriptCall | Command
