"""The native client protocol: errors, events, commands, positions and text/event-stream. Pure."""
