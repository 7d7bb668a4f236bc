"""One operation of the API, as it is described."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from gateway.api.openapi.components import RefusalSpec, ResponseSpec, Tag
from gateway.protocol.commands import JsonObject


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `parameters` are keys of `components.PARAMETERS`."""

    method: Literal["get", "post", "patch", "delete"]
    path: str
    id: str
    tag: Tag
    summary: str
    responses: tuple[ResponseSpec, ...]
    refusals: tuple[RefusalSpec, ...] = ()
    parameters: tuple[str, ...] = ()
    request_body: type[BaseModel] | None = None
    needs_body: bool = True
    accepts_ticket: bool = False
    counts_as_command: bool = True
    """Whether its requests count against the command rate; those that only read or resume a stream do not."""
    needs_key: bool = True
    """Whether it requires a credential, if the gateway has keys and the path is not public."""
    description: str = ""
    example: JsonObject | None = None
    """An example of the body."""
