"""The AI SDK's chat as a transport."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from gateway.api.middleware.command_rate import COUNTS_ITSELF, READS
from gateway.api.services import Services
from gateway.dialects.ai_sdk.dialect import PATH, AiSdkDialect
from transports.chat_ui.ai_sdk.endpoint import AiSdkEndpoint
from transports.chat_ui.ai_sdk.socket import socket_routes
from transports.projected.endpoint import find_dialect


class AiSdkTransport:
    """`/api/ai-sdk/chat`: POST to send, GET `{id}/stream` to resume, POST `{id}/stop`; and as a WebSocket."""

    name = "ai-sdk"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the routes by which clients connect."""
        dialect = find_dialect(services, AiSdkDialect)
        if dialect is None:
            return []
        endpoint = AiSdkEndpoint(services, dialect, PATH)
        return [
            Route(PATH, endpoint.start, methods=["POST"]),
            *socket_routes(services, dialect),
            # The id of a chat may contain slashes, encoded in the URL.
            Route(f"{PATH}/{{chat_id:path}}/stream", endpoint.resume, methods=["GET"], name=READS),
            Route(f"{PATH}/{{chat_id:path}}/stop", endpoint.stop, methods=["POST"], name=COUNTS_ITSELF),
        ]
