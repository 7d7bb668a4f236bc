"""The keys of a deployment in Redis. Pure.

All begin with the prefix of the deployment. Keys that a script uses together have the same hash tag, the part in
braces, so that a cluster has them on one node.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.toml.problems import ConfigurationError

_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_ESCAPED: Final = re.compile(r"[%{}\ud800-\udfff]")
_SLOTS: Final = ("", "running", "queued", "waiting", "turns", "blocked", "waiting_of", "leases", "changed")


def check_prefix(prefix: str) -> str:
    """Check what all keys of a deployment begin with.

    Raises:
        ValueError: a character is not allowed, or there are too many.
    """
    if not _PREFIX.fullmatch(prefix):
        # Braces in it would be the hash tag of all keys.
        message = "must have 1 to 64 letters, digits and the characters _ . : -"
        raise ValueError(message)
    return prefix


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the deployment with this prefix."""

    prefix: str

    def __post_init__(self) -> None:
        try:
            check_prefix(self.prefix)
        except ValueError as error:
            message = f"store_prefix: {error}"
            raise ConfigurationError(message) from None

    def tagged(self, role: str, tag: str, name: str = "") -> str:
        """Return the key of a role, with a hash tag that may be any text, such as a client's."""
        return f"{self.prefix}:{role}:{{{_escape(tag)}}}{name and ':'}{name}"

    def generation(self, generation_id: str) -> tuple[str, str]:
        """Return the keys of a generation: of its head, and of its log."""
        head = self.tagged("gen", generation_id)
        return head, f"{head}:log"

    def prompt(self, generation_id: str) -> str:
        """Return the key of a generation's conversation."""
        return self.tagged("gen", generation_id, "prompt")

    def all_of_generation(self, generation_id: str) -> tuple[str, str, str]:
        """Return all keys of a generation: of its head, of its log, and of its conversation."""
        head = self.tagged("gen", generation_id)
        return head, f"{head}:log", f"{head}:prompt"

    def owned(self, replica: str) -> str:
        """Return the key of the ids of the generations that a gateway owns."""
        return self.tagged("owned", replica)

    def inbox(self, replica: str) -> str:
        """Return the key of a gateway's inbox."""
        return self.tagged("inbox", replica)

    def quota(self, owner: str) -> tuple[str, str]:
        """Return the keys of a quota: of its names in order, and of their sizes."""
        return self.tagged("quota", owner), self.tagged("quota", owner, "sizes")

    def budget(self, principal: str, day: int) -> str:
        """Return the key of what a principal has spent on a day."""
        return self.tagged("budget", principal, str(day))

    def rates(self, principal: str) -> str:
        """Return the key of a principal's rate buckets."""
        return self.tagged("rate", principal)

    def settled(self, principal: str, replica: str) -> str:
        """Return the key of the last batch of a gateway that has changed the principal's rate buckets, beside them."""
        return self.tagged("rate", principal, f"settled:{replica}")

    def idempotency_key(self, principal: str, digest: str) -> str:
        """Return the key of an idempotency key, which is beside the principal's rate buckets."""
        return self.tagged("rate", principal, f"key:{digest}")

    def equal_requests(self, principal: str, digest: str) -> str:
        """Return the key of the running generations of equal requests, which is beside the principal's rate buckets."""
        return self.tagged("rate", principal, f"equal:{digest}")

    def streams(self, counted: str) -> str:
        """Return the key of the streams of a client or an address."""
        return self.tagged("streams", counted)

    @property
    def slots(self) -> tuple[str, ...]:
        """Return the keys of concurrency slots and their queue."""
        return tuple(self.tagged("slots", "slots", name) for name in _SLOTS)

    @property
    def members(self) -> tuple[str, str]:
        """Return the keys of membership: of the leases, and of what the gateways tell about themselves."""
        return self.tagged("members", "members"), self.tagged("members", "members", "info")


def _escape(tag: str) -> str:
    """Replace what would end a hash tag, and what is not UTF-8, as in a URL. An empty one would be none."""
    return "%" if not tag else _ESCAPED.sub(lambda match: f"%{ord(match[0]):X}", tag)


def milliseconds(seconds: float) -> int:
    """Return a time for which something is kept, as Redis takes it: at least 1."""
    return max(1, round(seconds * 1000))
