"""When to call a provider again, when to give up waiting, when to leave it alone. Pure: told the time, it decides."""
