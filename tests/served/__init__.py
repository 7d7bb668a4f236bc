"""A running gateway for tests, and clients for each of its transports."""
