"""The time at which a call of the client gives up."""

import asyncio
from types import TracebackType

from gateway.protocol.errors import Code, Failed


class Deadline:
    """The end of a number of seconds from now; None: there is none. Enter it, as often as needed, to keep to it."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._at = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        self._entered: list[asyncio.Timeout] = []

    async def __aenter__(self) -> None:
        timeout = asyncio.timeout_at(self._at)
        await timeout.__aenter__()
        self._entered.append(timeout)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it.

        Raises:
            Failed: `timeout`, if the time is over.
        """
        try:
            await self._entered.pop().__aexit__(kind, error, trace)
        except TimeoutError:
            message = f"The answer did not end within {self._timeout_s:g} s. If it runs on, it can be interrupted."
            raise Failed(Code.TIMEOUT, message) from None
