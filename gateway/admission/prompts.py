"""Bound the memory of prompts: those of running and waiting generations, and of requests that are being received. Pure.

Everything that holds a prompt, or a part of one, counts its bytes in a `PromptReservation` and releases it once.
"""

from dataclasses import dataclass, field
from typing import Final

from gateway.admission.limits import NO_LIMIT, AddressLimit
from gateway.protocol.errors import Code, Refused, invalid

PROMPTS_PER_BODY: Final = 16
"""Default of `max_prompt_bytes`, in bodies of `max_body_bytes`: 256 MiB."""

CLIENT_SHARE: Final = 4
"""Default of `max_prompt_bytes_per_client`: this part of `max_prompt_bytes`."""

RETRY_MS: Final = 1000
"""`retry_after_ms` of a refusal: memory is free again as soon as any generation ends."""


class PromptMemory:
    """Counts the bytes of prompts, `max_bytes` of them all and `max_per_client` of one client; 0 means no limit."""

    def __init__(self, max_bytes: int = 0, max_per_client: AddressLimit = NO_LIMIT) -> None:
        self.max_bytes = max_bytes
        self.used = 0
        self._max_per_client = max_per_client
        self._clients: dict[str, int] = {}

    def reserve(self, client: str, address: str, size: int = 0) -> "PromptReservation":
        """Reserve memory for a client; `address` decides which limit it has, see `AddressLimit`.

        Raises:
            Refused: see `PromptReservation.grow`.
        """
        reservation = PromptReservation(self, client, self._max_per_client.limit_for(address))
        if size:
            reservation.grow(size)
        return reservation

    def check(self, client: str, max_bytes: int, size: int) -> None:
        """Raise if `size` bytes more exceed a limit; see `PromptReservation.grow`."""
        if max_bytes and self._clients.get(client, 0) + size > max_bytes:
            raise _refusal(Code.RATE_LIMIT, "Your prompts", "max_prompt_bytes_per_client", max_bytes, size)
        if self.max_bytes and self.used + size > self.max_bytes:
            raise _refusal(Code.QUEUE_FULL, "The prompts of all clients", "max_prompt_bytes", self.max_bytes, size)

    def add(self, client: str, size: int) -> None:
        """Count bytes of a client without a check; a negative number releases them."""
        self.used += size
        count = self._clients.get(client, 0) + size
        if count:
            self._clients[client] = count
        else:
            self._clients.pop(client, None)


@dataclass(eq=False, slots=True)
class PromptReservation:
    """The memory that one holder of a prompt has reserved. Its holder must `release` it."""

    _memory: PromptMemory
    _client: str
    _max_bytes: int
    size: int = field(init=False, default=0)

    def grow(self, size: int) -> None:
        """Reserve `size` bytes more.

        Raises:
            Refused: `rate_limit`: it is more than the client's share; `queue_full`: more than there is for all. What
                was reserved before stays reserved.
        """
        if size > 0:
            self._memory.check(self._client, self._max_bytes, size)
        self._memory.add(self._client, size)
        self.size += size

    def check(self, size: int) -> None:
        """Raise if `size` bytes more could not be reserved; see `grow`."""
        if size > 0:
            self._memory.check(self._client, self._max_bytes, size)

    def resize(self, size: int) -> None:
        """Count `size` bytes from now on, without a check: they are held already."""
        if size != self.size:
            self._memory.add(self._client, size - self.size)
            self.size = size

    def release(self) -> None:
        """Release everything; a second time does nothing."""
        if self.size:
            self._memory.add(self._client, -self.size)
            self.size = 0


def _refusal(code: Code, subject: str, setting: str, max_bytes: int, size: int) -> Refused:
    if size > max_bytes:
        message = f"This prompt alone takes {size} bytes of memory; the maximum is {max_bytes} ({setting})."
        return invalid(message, param="messages", status=413)
    message = (
        f"{subject} that run, wait or are being received take {max_bytes} bytes, the maximum ({setting}): try again "
        "when a generation has ended."
    )
    return Refused(code, message, param="messages", retry_after_ms=RETRY_MS)
