"""What makes the hubs of several gateways behave as one."""
