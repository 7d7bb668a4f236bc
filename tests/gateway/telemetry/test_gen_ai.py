from gateway.config.hosts import VENDORS
from gateway.telemetry.gen_ai import PROVIDERS, provider_name


def test_providers_have_the_names_of_the_conventions() -> None:
    assert provider_name("gemini", "google") == "gcp.gemini"
    assert provider_name("", "my-vllm") == "my-vllm"
    assert PROVIDERS.keys() == {*VENDORS.values()}
