"""Errors of providers, and of connections to them, as `Failed`: the only place where foreign errors become ours."""
