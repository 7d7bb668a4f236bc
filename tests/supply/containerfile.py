"""Parser for the subset of the Containerfile format that the project's file uses."""

import json
import re

Instruction = tuple[str, str]
"""Name in capitals, and arguments on one line."""


def instructions(text: str) -> list[Instruction]:
    """Parse a Containerfile: drop comments and join continued lines."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    split = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name.upper(), rest) for name, rest in split]


def stages(image: list[Instruction]) -> list[list[Instruction]]:
    """Split at each FROM. Instructions before the first one are dropped."""
    starts = [index for index, (name, _) in enumerate(image) if name == "FROM"]
    return [image[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def exec_form(value: str) -> list[str]:
    """Parse a command in exec form, which runs without a shell.

    Raises:
        ValueError: The command is in shell form.
    """
    command = json.loads(value)
    if not (isinstance(command, list) and command and all(isinstance(word, str) for word in command)):
        raise ValueError(f"not in exec form: {value}")
    return command
