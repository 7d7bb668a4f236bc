"""Ask the gateway that runs an equal request whether a request is the same one, sent again: it knows who reads it."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue, TypeAdapter

from gateway.dialects.sent_request import SentRequest
from gateway.protocol.errors import Refused
from gateway.replicas.messaging.messenger import Messenger, Result

RESEND: Final = "resend"
"""The action of the call."""

_SENT: Final = TypeAdapter(tuple[str, bool, bool, str, bool])


def encode_sent(sent: SentRequest) -> dict[str, JsonValue]:
    """Encode what a request says of itself."""
    return {"sent": [sent.digest.hex(), *sent[1:]]}


def decode_sent(arguments: Mapping[str, JsonValue]) -> SentRequest:
    """Decode it.

    Raises:
        ValueError: it is of a version that is not known here.
    """
    digest, stream, is_retry, session, is_background = _SENT.validate_python(arguments.get("sent"))
    return SentRequest(bytes.fromhex(digest), stream, is_retry, session, is_background)


async def ask_owners(
    messenger: Messenger, equal: Mapping[str, str], alive: frozenset[str], sent: SentRequest
) -> str | None:
    """Return the generation that a request has started before, of those that run on other gateways; None without one.

    Raises:
        StoreError: the question was not sent.
    """
    owners = {owner: generation_id for generation_id, owner in equal.items() if owner in alive}
    for owner, generation_id in owners.items():
        try:
            answer: Result = await messenger.call(owner, RESEND, generation_id, encode_sent(sent))
        except (Refused, TimeoutError):
            # It has ended meanwhile, or its gateway does not answer: the request starts one of its own.
            continue
        if found := answer.get("found"):
            return str(found)
    return None
