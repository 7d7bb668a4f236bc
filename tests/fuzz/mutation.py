"""Deterministic pseudo-random mutations of seeds: the engine of the ordinary test suite."""

import random
from collections.abc import Iterator

from tests.fuzz.target import MAX_BYTES, Target

MAX_CHANGES = 6
"""Maximum mutations of one input."""


def inputs(target: Target, count: int) -> Iterator[bytes]:
    """Yield the seeds, then `count` mutations of them. The target's name seeds the random generator."""
    yield from target.seeds
    rng = random.Random(target.name)
    for _ in range(count):
        data = rng.choice(target.seeds)
        for _ in range(rng.randint(1, MAX_CHANGES)):
            data = _mutate(data, target, rng)
        yield data[:MAX_BYTES]


def _mutate(data: bytes, target: Target, rng: random.Random) -> bytes:
    start, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    other = rng.choice(target.seeds)
    match rng.randrange(6):
        case 0:
            return data[:start] + rng.randbytes(rng.randint(1, 4)) + data[start:]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:end] + data[start:]
        case 3:
            return data[:start] + other[rng.randint(0, len(other)) :]
        case 4 if target.dictionary:
            return data[:start] + rng.choice(target.dictionary) + data[start:]
        case _:
            return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]
