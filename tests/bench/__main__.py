"""Run the benchmark, compare its results with earlier ones, or write them into the documentation.

`python -m tests.bench`, `python -m tests.bench compare`, `python -m tests.bench table`.
"""

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.bench.commands import compare, run, table
from tests.bench.results import UnreadableError
from tests.bench.revisions import RevisionError

COMMANDS: Final[Mapping[str, Callable[[Sequence[str]], int]]] = {"compare": compare.main, "table": table.main}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Handled like Ctrl-C, so that the processes that we started end with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return COMMANDS[given[0]](given[1:]) if given and given[0] in COMMANDS else run.main(given)
    except KeyboardInterrupt:
        print("\nInterrupted; all processes have been stopped.", file=sys.stderr)
        return 130
    except (UnreadableError, RevisionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
