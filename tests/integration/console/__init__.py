"""A busy gateway, for the tests of the console and for its pictures."""
