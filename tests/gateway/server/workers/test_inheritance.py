"""What a worker inherits, in a process that plays both sides."""

import os
import socket
from contextlib import closing

from gateway.server.workers.connection_counts import NOT_ACCEPTING, create_counts
from gateway.server.workers.inheritance import VARIABLE, inherit, is_worker, pass_on


def copy_of(file: int) -> int:
    """Return a copy of a descriptor that a new process would get."""
    copy = os.dup(file)
    os.set_inheritable(copy, True)
    return copy


def test_a_worker_inherits_all_and_passes_on_nothing() -> None:
    counts = create_counts(2)
    (ours, theirs), (our_metrics, their_metrics) = socket.socketpair(), socket.socketpair()
    with closing(counts), ours, theirs, our_metrics, their_metrics, socket.create_server(("127.0.0.1", 0)) as listening:
        files = [copy_of(file.fileno()) for file in (listening, theirs, their_metrics, counts.file)]
        environment = {VARIABLE: pass_on(*files, 1), "OTHER": "1"}
        assert is_worker(environment)
        inherited = inherit(environment)
        assert inherited is not None
        assert not any(map(os.get_inheritable, files))
        with inherited.listening, inherited.metrics, closing(inherited.counts), closing(inherited.channel):
            assert inherited.listening.getsockname() == listening.getsockname()
            inherited.counts.publish(inherited.slot, 7)
            assert counts.least() == 7
            inherited.counts.publish(inherited.slot, NOT_ACCEPTING)
        assert environment == {"OTHER": "1"}


def test_another_process_is_no_worker() -> None:
    assert not is_worker({"OTHER": "1"})
    assert inherit({"OTHER": "1"}) is None
