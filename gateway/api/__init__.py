"""The HTTP API: every route except the streams."""
