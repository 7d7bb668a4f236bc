"""Configuration of all tests."""

from hypothesis import settings

pytest_plugins = ["tests.served.gateway", "tests.served.pair"]

# No deadline: the duration of an example depends on the machine. All other settings are kept, also those for CI.
settings.register_profile("no_deadline", deadline=None)
# A quarter of the examples, for `make unit`, which is run at every step; `make test` and CI run all.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile("no_deadline")
