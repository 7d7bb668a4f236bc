"""Inputs made of seeds by chance that is the same each time: the engine of the ordinary test suite."""

import random
from collections.abc import Iterator

from tests.fuzz.target import LONGEST, Target

MOST_CHANGES = 6
"""Of one input."""


def inputs(target: Target, count: int) -> Iterator[bytes]:
    """Give the seeds, and then inputs made of them."""
    yield from target.seeds
    chance = random.Random(target.name)
    for _ in range(count):
        data = chance.choice(target.seeds)
        for _ in range(chance.randint(1, MOST_CHANGES)):
            data = _changed(data, target, chance)
        yield data[:LONGEST]


def _changed(data: bytes, target: Target, chance: random.Random) -> bytes:
    at, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
    other = chance.choice(target.seeds)
    match chance.randrange(6):
        case 0:
            return data[:at] + chance.randbytes(chance.randint(1, 4)) + data[at:]
        case 1:
            return data[:at] + data[end:]
        case 2:
            return data[:end] + data[at:]
        case 3:
            return data[:at] + other[chance.randint(0, len(other)) :]
        case 4 if target.words:
            return data[:at] + chance.choice(target.words) + data[at:]
        case _:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
