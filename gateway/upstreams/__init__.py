"""How the gateway calls providers: one small protocol, and an implementation for each wire format."""
