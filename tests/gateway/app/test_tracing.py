"""When traces are on, and what is said if their library is missing."""

from importlib.util import find_spec

import pytest

from gateway.app import tracing as module
from gateway.app.tracing import build_tracing
from gateway.clock import SystemClock
from gateway.config import ConfigurationError, Settings

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def url(environment: dict[str, str], **values: object) -> str | None:
    return module._url(Settings.model_validate(values), environment)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({ENDPOINT: ""}, None),
        ({ENDPOINT: "http://a:4318"}, "http://a:4318/v1/traces"),
        ({ENDPOINT: "http://a:4318/otlp/"}, "http://a:4318/otlp/v1/traces"),
        ({ENDPOINT: "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/x"}, "http://b/x"),
        ({ENDPOINT: "http://a", "OTEL_SDK_DISABLED": "TRUE"}, None),
        ({ENDPOINT: "http://a", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({ENDPOINT: "http://a", "OTEL_TRACES_EXPORTER": "otlp"}, "http://a/v1/traces"),
    ],
)
def test_the_variables_of_opentelemetry_switch_traces_on(environment: dict[str, str], expected: str | None) -> None:
    assert url(environment) == expected


def test_our_own_setting_comes_first() -> None:
    environment = {ENDPOINT: "http://a", "OTEL_SDK_DISABLED": "true"}
    assert url(environment, otlp_endpoint="http://c:4318") == "http://c:4318/v1/traces"


def test_without_an_endpoint_the_library_is_not_loaded() -> None:
    assert build_tracing(Settings(), {}, SystemClock()) is None


@pytest.mark.parametrize("endpoint", ["localhost:4318", "collector", "grpc://collector:4317", "http:///x", "http://[1"])
def test_a_variable_that_is_no_url_is_a_warning(endpoint: str, caplog: pytest.LogCaptureFixture) -> None:
    assert build_tracing(Settings(), {ENDPOINT: endpoint}, SystemClock()) is None
    assert "must be a URL such as http://127.0.0.1:4318" in caplog.text
    assert endpoint not in caplog.text


class TestWithoutTheLibrary:
    @pytest.fixture(autouse=True)
    def hide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "find_spec", lambda name: None if "opentelemetry" in name else find_spec(name))

    def test_our_setting_is_an_error(self) -> None:
        settings = Settings.model_validate({"otlp_endpoint": "http://127.0.0.1:4318"})
        with pytest.raises(ConfigurationError, match=r"otlp_endpoint: .* pip install 'dualstream\[otel\]'"):
            build_tracing(settings, {}, SystemClock())

    def test_a_variable_of_the_platform_is_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        assert build_tracing(Settings(), {ENDPOINT: "http://a"}, SystemClock()) is None
        assert "pip install 'dualstream[otel]'" in caplog.text
