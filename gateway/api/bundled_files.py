"""Find the files that are shipped with the package: the demo page, and the description of the HTTP API."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parents[1]


def bundled_path(installed: str, checkout: str) -> Path:
    """Return the path of a shipped file or folder: `installed` below the package, else `checkout` beside the package.

    The wheel contains them inside the package (see `force-include` in pyproject.toml); a checkout has them where
    people look for them.
    """
    inside = _PACKAGE / installed
    return inside if inside.exists() else _PACKAGE.parent / checkout
