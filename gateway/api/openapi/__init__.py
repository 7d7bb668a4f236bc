"""OpenAPI 3.1 document of all HTTP routes, for people and for tools that generate or test clients."""

from gateway.api.openapi.document import document

__all__ = ["document"]
