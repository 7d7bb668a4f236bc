"""The tools of a `RunAgentInput` in OpenAI's form: all are the client's own. Pure (docs.ag-ui.com, "Tools")."""

from pydantic import JsonValue

from gateway.dialects.fields import malformed, objects_at
from gateway.protocol.commands import JsonObject


def read_tools(tools: JsonValue) -> list[JsonObject]:
    """Return the functions that a model may call.

    Raises:
        Refused: a tool has the wrong form.
    """
    return [_function(tool, f"tools[{at}]") for at, tool in enumerate(objects_at(tools or [], "tools"))]


def _function(tool: JsonObject, path: str) -> JsonObject:
    name, description, parameters = tool.get("name"), tool.get("description"), tool.get("parameters")
    if not isinstance(name, str) or not name:
        raise malformed(f"{path}.name", "must be a string")
    if not isinstance(description, str | None):
        raise malformed(f"{path}.description", "must be a string")
    if not isinstance(parameters, dict | None):
        raise malformed(f"{path}.parameters", "must be an object, a JSON schema")
    function: JsonObject = {"name": name, "parameters": parameters or {"type": "object", "properties": {}}}
    if description:
        function["description"] = description
    return {"type": "function", "function": function}
