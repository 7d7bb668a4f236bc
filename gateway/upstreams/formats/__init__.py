"""Wire formats of providers: requests out, events in. Pure."""
