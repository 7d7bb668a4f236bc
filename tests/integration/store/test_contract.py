"""The contract of a store over real servers."""

from tests.gateway.store.contract.logs import LogContract
from tests.gateway.store.contract.members import MemberContract
from tests.gateway.store.contract.messages import MessageContract


class TestOneServer(LogContract, MemberContract, MessageContract):
    """Run it over one redis-server."""
