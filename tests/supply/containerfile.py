"""A Containerfile as a list of instructions: as much of the format as ours uses."""

import json
import re

Instruction = tuple[str, str]
"""Its name in capitals, and the rest, on one line."""


def instructions(text: str) -> list[Instruction]:
    """Split a Containerfile; comments are left out and continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    split = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name.upper(), rest) for name, rest in split]


def stages(image: list[Instruction]) -> list[list[Instruction]]:
    """Group by FROM; what stands before the first one belongs to none."""
    starts = [place for place, (name, _) in enumerate(image) if name == "FROM"]
    return [image[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def exec_form(value: str) -> list[str]:
    """Read a command that is run without a shell; ValueError if it is one for a shell."""
    command = json.loads(value)
    if not (isinstance(command, list) and command and all(isinstance(word, str) for word in command)):
        raise ValueError(f"not in exec form: {value}")
    return command
