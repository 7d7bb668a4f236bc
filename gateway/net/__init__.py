"""IP addresses, the HTTP client, and TCP connections."""
