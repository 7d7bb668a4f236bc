"""The providers' wire formats: requests out, events in. Pure."""
