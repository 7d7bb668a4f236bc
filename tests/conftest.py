"""Configuration of all tests."""

from hypothesis import settings

pytest_plugins = ["tests.served.gateway", "tests.served.pair"]

# No deadline: the duration of an example depends on the machine. All other settings are kept, also those for CI.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")
