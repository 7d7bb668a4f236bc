"""The limit of open files: each stream needs one to the client and one to the provider."""

import resource


def raise_open_files() -> int:
    """Raise the limit of this process and its children as far as allowed; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
