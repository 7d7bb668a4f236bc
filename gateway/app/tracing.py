"""Switch traces on, if an endpoint for them is configured."""

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from yarl import URL

from gateway.clock import Clock
from gateway.config import ConfigurationError, Settings
from gateway.log_fields import log_fields

if TYPE_CHECKING:
    from gateway.telemetry.traces.provider import Tracing

PATH: Final = "v1/traces"
"""Where a collector takes traces (OTLP/HTTP specification, "OTLP/HTTP Request")."""

INSTALL: Final = "install it with: pip install 'dualstream[otel]'"

logger = logging.getLogger("gateway.traces")


def build_tracing(settings: Settings, environment: Mapping[str, str], clock: Clock) -> "Tracing | None":
    """Build what exports traces; None if no endpoint is configured.

    A variable may be set for all programs of a platform. So without the library, or with an endpoint that is no URL, it
    is a warning that there are no traces; for our own setting, it is an error.

    Raises:
        ConfigurationError: the setting `otlp_endpoint` is there, and the library is not.
    """
    url = _url(settings, environment)
    if url is None:
        return None
    check_tracing(settings)
    if not _is_installed():
        message = "there are no traces: an endpoint is set, but the library of OpenTelemetry is not installed; %s"
        logger.warning(message, INSTALL, extra=log_fields("traces_not_installed"))
        return None
    if not _is_http(url):
        message = "there are no traces: OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://127.0.0.1:4318"
        logger.warning(message, extra=log_fields("traces_bad_endpoint"))
        return None
    # Only now: loading the library takes a fifth of a second.
    from gateway.telemetry.traces.provider import Tracing  # noqa: PLC0415 - as above

    return Tracing(url, clock, trace_content=settings.trace_content)


def check_tracing(settings: Settings) -> None:
    """Check that traces are possible, if our own setting asks for them.

    Raises:
        ConfigurationError: their library is not installed.
    """
    if settings.otlp_endpoint is not None and not _is_installed():
        message = f"otlp_endpoint: the library of OpenTelemetry is not installed; {INSTALL}"
        raise ConfigurationError(message)


def _url(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """Return the URL for traces (OpenTelemetry, "OTLP Exporter Configuration"); our own setting comes first."""
    if settings.otlp_endpoint is not None:
        return f"{str(settings.otlp_endpoint).rstrip('/')}/{PATH}"
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if environment.get("OTEL_TRACES_EXPORTER", "otlp").strip() not in {"otlp", ""}:
        return None
    for_traces = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    return for_traces or (f"{base.rstrip('/')}/{PATH}" if base else None)


def _is_http(text: str) -> bool:
    """Return True for an absolute URL of HTTP. `localhost:4318`, as for gRPC, has the scheme `localhost`."""
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None and (
            find_spec("opentelemetry.sdk.trace") is not None
        )
    except ModuleNotFoundError:
        return False
