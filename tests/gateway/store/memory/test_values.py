"""The values of the store in memory."""

from tests.gateway.store.contract.values import ValuesContract


class TestValues(ValuesContract):
    """They are kept as the port says."""
