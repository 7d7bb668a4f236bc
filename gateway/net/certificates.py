"""The certificates that the system trusts: loaded when they are needed, not when aiohttp is imported.

aiohttp builds two contexts for TLS when it is imported, and loads all certificates for each (`_make_ssl_context` in
aiohttp/connector.py): a sixth of the instructions of a start, and 2 MB. A gateway needs them once it has providers that
are called by https, and then for one of the two contexts: the other one verifies nothing.
"""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final

_LOCK: Final = Lock()
"""Held while certificates are loaded: who connects meanwhile waits for all of them."""


class DeferredContext(ssl.SSLContext):
    """A context that loads its certificates before its first connection. From then on it is an ordinary one."""

    def load(self) -> None:
        """Load the certificates now; a second call does nothing. Other threads of Python run meanwhile."""
        with _LOCK:
            if isinstance(self, DeferredContext):
                ssl.SSLContext.set_default_verify_paths(self)
                self.__class__ = ssl.SSLContext  # type: ignore[assignment]

    def wrap_bio(self, *connection: object, **options: object) -> ssl.SSLObject:
        """Load the certificates and begin a connection, as asyncio and uvloop do."""
        DeferredContext.load(self)
        return ssl.SSLContext.wrap_bio(self, *connection, **options)  # type: ignore[arg-type]

    def wrap_socket(self, *connection: object, **options: object) -> ssl.SSLSocket:
        """Load the certificates and begin a connection."""
        DeferredContext.load(self)
        return ssl.SSLContext.wrap_socket(self, *connection, **options)  # type: ignore[arg-type]


@contextmanager
def deferred_certificates() -> Iterator[Sequence[DeferredContext]]:
    """Defer the certificates of all contexts that are built inside: the first import of aiohttp.

    Yields those contexts that verify by them.
    """
    verifying: list[DeferredContext] = []

    def defer(context: ssl.SSLContext) -> None:
        context.__class__ = DeferredContext
        if context.verify_mode is not ssl.CERT_NONE and isinstance(context, DeferredContext):
            verifying.append(context)

    # The method is inherited from a class of C; what is set here hides it.
    ssl.SSLContext.set_default_verify_paths = defer  # type: ignore[method-assign,assignment]
    try:
        yield verifying
    finally:
        del ssl.SSLContext.set_default_verify_paths
