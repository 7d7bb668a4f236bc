"""docs/reference/http.md: every route with its parameters and responses, from the operations of OpenAPI."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from gateway.api.openapi.components import PARAMETERS, TAGS, RefusalSpec
from gateway.api.openapi.document import middleware_refusals
from gateway.api.openapi.operation import Operation
from gateway.api.openapi.routes import OPERATIONS
from gateway.protocol.commands import StartRequest

INTRODUCTION: Final = """\
# HTTP

Every route of the gateway's own API, as in [openapi.json](../openapi.json), which a gateway serves at `/openapi.json`.
[protocol.md](protocol.md) explains them. [model-apis.md](model-apis.md) has the routes of the APIs of OpenAI, Anthropic
and Gemini, [chat-uis.md](chat-uis.md) those of the AI SDK, AG-UI and TanStack AI. [codes.md](codes.md) explains the
codes. Every request may have an `X-Request-ID`, which is echoed. `make reference` writes this page.
"""


def page() -> str:
    """Return the page."""
    return INTRODUCTION + "".join(_tag(name, description) for name, description in TAGS.items())


def _tag(name: str, description: str) -> str:
    operations = [operation for operation in OPERATIONS if operation.tag == name]
    rows = [f"| `{op.method.upper()}` | `{op.path}` | {op.summary} |\n" for op in operations]
    table = f"\n| method | path | does |\n|---|---|---|\n{''.join(rows)}"
    return f"\n## {name.capitalize()}\n\n{description}\n{table}{''.join(map(_operation, operations))}"


def _operation(operation: Operation) -> str:
    description = f"\n{operation.description}\n" if operation.description else ""
    heading = f"\n### {operation.method.upper()} `{operation.path}`\n\n{operation.summary}.\n"
    return f"{heading}{description}{_body(operation)}{_parameters(operation.parameters)}{_responses(operation)}"


def _body(operation: Operation) -> str:
    if operation.request_body is None:
        return ""
    if operation.request_body is StartRequest:
        return "\nBody: [a start](protocol.md#start).\n"
    fields = ", ".join(f"`{field.alias or name}`" for name, field in operation.request_body.model_fields.items())
    return f"\nBody: a JSON object with {fields}{'' if operation.needs_body else ', or none'}.\n"


def _parameters(names: Sequence[str]) -> str:
    parameters = [PARAMETERS[name] for name in names if name != "RequestId"]
    rows = [f"| `{one.name}` | {one.location} | {_cell(one.description)} |\n" for one in parameters]
    return f"\n| parameter | in | meaning |\n|---|---|---|\n{''.join(rows)}" if rows else ""


def _responses(operation: Operation) -> str:
    rows = [f"| {one.status} | | {_cell(one.description)} |\n" for one in operation.responses]
    refusals = [*operation.refusals, *middleware_refusals(operation)]
    return f"\n| status | code | when |\n|---|---|---|\n{''.join(rows)}{''.join(_refusals(refusals))}"


def _refusals(refusals: Iterable[RefusalSpec]) -> Iterable[str]:
    def kind(refusal: RefusalSpec) -> tuple[int, str]:
        return refusal.status, refusal.code

    for (status, code), group in groupby(sorted(refusals, key=kind), key=kind):
        when = " Or: ".join(dict.fromkeys(refusal.when for refusal in group))
        yield f"| {status} | [`{code}`](codes.md#{code}) | {_cell(when)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
