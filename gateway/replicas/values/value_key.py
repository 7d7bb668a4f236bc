"""Keys of values from what clients choose. Pure."""

import hashlib


def hashed_key(kind: str, *parts: str) -> str:
    """Return the key of a value of a kind by parts of any length and with any characters."""
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
    return f"{kind}:{digest}"
