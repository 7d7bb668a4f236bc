"""The OpenAPI 3.1 description of all HTTP routes. It is built once, by `make openapi`, and served from a file."""
