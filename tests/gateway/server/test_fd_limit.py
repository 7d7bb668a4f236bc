"""The limit of open files, and the number of clients that follows from it."""

import resource

from gateway.config import Settings
from gateway.net.open_files import RESERVED_FILES
from gateway.server.fd_limit import connection_limit, file_warnings, raise_fd_limit


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


def test_limits_that_the_files_do_not_allow_are_warnings() -> None:
    assert file_warnings(Settings(max_concurrent=500), 128) == [
        "max_concurrent is 500, but this process may open only 128 files, enough for 14 connections of clients and 14 "
        "calls: raise that limit (ulimit -n, or LimitNOFILE of its service), or lower max_concurrent"
    ]
    assert file_warnings(Settings(max_connections=2000), 1024) == [
        "max_connections is 2000, but this process may open only 1024 files: raise that limit (ulimit -n, or "
        "LimitNOFILE of its service), or lower max_connections"
    ]
    assert len(file_warnings(Settings(max_connections=900), 1024)) == 1
    for files in (0, 1024, 1 << 20):
        assert file_warnings(Settings(), files) == []
