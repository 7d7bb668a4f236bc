"""The contract of members in memory."""

from tests.gateway.store.contract.members import MemberContract


class TestMemoryMembers(MemberContract):
    """Run it over the store of this process."""
