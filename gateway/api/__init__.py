"""HTTP API: every route except the streams, and the middleware of all routes."""
