"""The protocol of TanStack AI's clients: AG-UI with fields of its own, and with events that a client can come back to.

Pure. What it shares with AG-UI stands in `gateway/dialects/ag_ui`.
"""

from gateway.dialects.tanstack.dialect import TanStackDialect

__all__ = ["TanStackDialect"]
