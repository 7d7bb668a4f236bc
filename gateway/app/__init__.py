"""Build the application from its settings."""

from gateway.app.factory import create_app

__all__ = ["create_app"]
