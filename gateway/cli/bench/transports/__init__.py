"""Measures the transports of a gateway from a client's view: delays, bytes, CPU, reconnects and stops."""
