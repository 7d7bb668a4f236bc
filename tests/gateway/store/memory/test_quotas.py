"""The quotas of the store in memory."""

from tests.gateway.store.contract.quotas import QuotasContract


class TestQuotas(QuotasContract):
    """They are kept as the port says."""
