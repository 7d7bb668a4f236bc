"""Where a client in the terminal finds its credential. Pure."""

from typing import Final

TOKEN_VARIABLE: Final = "DUALSTREAM_TOKEN"  # noqa: S105 - the name of a variable
"""Variable of the environment that holds a key or token, for `dualstream chat`, `top` and `bench`."""
