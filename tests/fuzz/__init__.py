"""Fuzz targets (`make fuzz`): every parser of untrusted bytes, and the properties that must hold for any input.

`table` lists the targets; each is a function that takes bytes and raises if a property does not hold. `engine` runs one
target in its own process under atheris, guided by coverage. `mutation` is the deterministic engine of the ordinary test
suite, without dependencies. `python -m tests.fuzz` runs all targets and writes docs/reports/fuzzing.md.
"""
