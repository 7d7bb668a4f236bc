"""The description of all HTTP routes (OpenAPI 3.1), for people and for programs that make or test clients."""

from gateway.api.openapi.document import document

__all__ = ["document"]
