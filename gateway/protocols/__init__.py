"""The server's protocols: uvicorn's, with bounds, with a way for frames past its queues, and with less to keep."""

from gateway.protocols.http import HttpProtocol
from gateway.protocols.websocket import SocketProtocol

__all__ = ["HttpProtocol", "SocketProtocol"]
