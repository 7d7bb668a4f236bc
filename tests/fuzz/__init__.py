"""Fuzz targets (`make fuzz`): every parser that eats bytes from outside, and what must hold whatever they are.

`table` lists the targets; each is a function that takes bytes and raises if something does not hold. `engine` runs one
under atheris, guided by coverage, in a process of its own; `mutation` is the small engine of the ordinary test suite,
which needs nothing and does the same each time. `python -m tests.fuzz` runs them all and writes docs/fuzzing.md.
"""
