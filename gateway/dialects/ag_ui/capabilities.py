"""What the agent can do, as it tells clients (docs.ag-ui.com/concepts/capabilities). Pure.

What depends on the model alone is left out: absent means unknown.
"""

from typing import Final

from gateway.protocol.commands import JsonObject

_CAPABILITIES: Final[JsonObject] = {
    "identity": {
        "name": "Dualstream",
        "type": "dualstream",
        "description": "A gateway to language models: it streams, stops and revises their answers.",
    },
    "transport": {
        "streaming": True,
        "websocket": False,
        "httpBinary": False,
        "pushNotifications": False,
        # Its sense is a position in a stream. A client joins a run with a snapshot in its place.
        "resumable": False,
    },
    "tools": {"supported": True, "clientProvided": True, "parallelCalls": True, "items": []},
    "state": {"snapshots": False, "deltas": False, "memory": False, "persistentState": False},
    "multiAgent": {"supported": False, "delegation": False, "handoffs": False},
    "reasoning": {"streaming": True},
    "execution": {"codeExecution": False},
    "humanInTheLoop": {
        "supported": True,
        "approvals": False,
        "interventions": False,
        "feedback": True,
        "interrupts": False,
        "approveWithEdits": False,
    },
    "custom": {
        "dualstream": {
            "join": "GET ?threadId={threadId}",
            "stop": "DELETE ?threadId={threadId}",
            "feedback": "POST /api/generations/{generation_id}/feedback",
        }
    },
}


def capabilities() -> JsonObject:
    """Return the `AgentCapabilities`."""
    return dict(_CAPABILITIES)
