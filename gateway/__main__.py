"""The door: `python -m gateway` is the command `dualstream`."""

import sys

from gateway.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
