"""How events reach a client: SSE, WebSocket, and whatever else is plugged in."""
