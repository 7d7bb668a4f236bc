"""Messages between gateways, and the commands that clients send to a gateway that does not run their generation."""
