"""How many clients the open files are enough for."""

import resource

from gateway.server.fd_limit import SPARE, most_connections, raise_limit


def test_each_client_may_have_an_upstream_connection() -> None:
    assert most_connections(0, 20_000) == (20_000 - SPARE) // 2
    assert most_connections(7, 20_000) == 7
    assert most_connections(0, 0) == 0
    assert most_connections(0, 64) == 1


def test_the_limit_is_raised_as_far_as_it_goes() -> None:
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before, 512), hard))
    try:
        files = raise_limit()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert (soft, files) == (hard, 0 if hard == resource.RLIM_INFINITY else hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
