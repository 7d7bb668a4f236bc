"""The log and traces."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, HttpUrl

from gateway.config.checks import check_no_userinfo
from gateway.config.groups.group import SettingsGroup


class TelemetrySettings(SettingsGroup):
    """The log and traces."""

    log_format: Literal["console", "json"] = Field(
        "console",
        description="Form of the log on standard error: lines for people (`console`), or JSON objects (`json`).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description=(
            "Lowest level that is logged. `info` has a line for each generation, `debug` also one for each step of it."
        ),
    )
    log_content: bool = Field(
        default=False,
        description="Add the prompt and the text of each generation to its line of the log.",
    )
    otlp_endpoint: Annotated[HttpUrl | None, AfterValidator(check_no_userinfo)] = Field(
        None,
        description=(
            "Base URL of a collector that gets traces by OTLP over HTTP, such as `http://127.0.0.1:4318`. None: that "
            "of `OTEL_EXPORTER_OTLP_ENDPOINT`; without either there are no traces. Needs `dualstream[otel]`."
        ),
    )
    trace_content: bool = Field(
        default=False, description="Add prompts and answers to the spans of calls to providers."
    )
