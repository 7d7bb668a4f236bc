"""Wording of configuration errors; `broken.py` has each error."""

from gateway.config import Settings
from gateway.config.tables import JwtTable, ModelTable, PriceTable, ProviderTable, UpstreamTable


def test_only_the_fields_of_secrets_are_excluded_from_the_known_keys() -> None:
    hidden = {
        name
        for kind in (Settings, ProviderTable, JwtTable)
        for name, field in kind.model_fields.items()
        if field.exclude
    }
    assert hidden == {"key", "secret"}
    for kind in (ModelTable, UpstreamTable, PriceTable):
        assert not any(field.exclude for field in kind.model_fields.values())
