"""The limit of open files, and the number of clients that follows from it."""

import resource

from gateway.net.open_files import RESERVED_FILES
from gateway.server.fd_limit import connection_limit, raise_fd_limit


def test_each_client_may_need_an_upstream_connection() -> None:
    assert connection_limit(0, 20_000) == (20_000 - RESERVED_FILES) // 2
    assert connection_limit(7, 20_000) == 7
    assert connection_limit(0, 0) == 0
    assert connection_limit(0, 64) == 1


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before, 512), hard))
    try:
        files = raise_fd_limit()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert (soft, files) == (hard, 0 if hard == resource.RLIM_INFINITY else hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
