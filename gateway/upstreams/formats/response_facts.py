"""What a provider says of its response as a whole, beside its content: which tier served it, what stopped it. Pure."""

from collections.abc import Mapping
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.upstreams.formats.parts import encodable

MAX_FACT_BYTES: Final = 1024
"""Maximum size of one fact as JSON; longer ones are left out. Clients get them in `complete`, which has no limit."""


def response_facts(facts: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the facts that have a value, and are as small as they should be."""
    known = {name: encodable(value) for name, value in facts.items() if value not in (None, "", {}, [])}
    return {name: value for name, value in known.items() if len(orjson.dumps(value)) <= MAX_FACT_BYTES}
