"""Calls to providers: one small interface, implemented over HTTP for each wire format."""
