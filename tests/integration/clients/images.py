"""Images for the drivers."""

import base64
from pathlib import Path


def write_image(file: Path, data: str) -> Path:
    """Write an image given in base64; return its file."""
    file.write_bytes(base64.b64decode(data))
    return file
