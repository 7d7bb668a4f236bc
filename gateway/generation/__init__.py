"""One generation as a state machine with an append-only event log. Pure."""
