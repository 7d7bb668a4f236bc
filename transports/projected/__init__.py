"""A generation in a dialect, over HTTP: what the APIs of providers and the protocols of chat UIs share."""
