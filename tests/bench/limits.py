"""How many files a process may have open: each stream is one to the client and one to the provider."""

import resource


def raise_open_files() -> int:
    """Raise the limit of this process, and of those it starts, as far as it may; give what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
