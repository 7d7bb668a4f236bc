"""schemathesis with the published OpenAPI document: valid requests must be accepted, and invalid ones refused."""
