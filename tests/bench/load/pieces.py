"""Data in pieces, as it may arrive."""

import itertools


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return data, cut at any positions."""
    positions = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(positions)]
