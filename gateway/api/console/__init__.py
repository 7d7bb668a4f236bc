"""The operator's console: what runs now, the last hour, and the newest ends, of all gateways of a deployment."""
