"""The Lua scripts of the roles, from the files beside this module."""

from pathlib import Path
from typing import Final

from gateway.store.redis.calls import Script

_FOLDER: Final = Path(__file__).with_name("lua")


def load_script(*names: str) -> Script:
    """Return the script in the files of these names, which follow each other.

    Its comments are left out: each server would keep them.
    """
    lines = [line for name in names for line in (_FOLDER / f"{name}.lua").read_text("utf-8").splitlines()]
    return Script("\n".join(line for line in map(str.strip, lines) if line and not line.startswith("--")))
