"""Addresses, the HTTP client, and TCP connections."""
