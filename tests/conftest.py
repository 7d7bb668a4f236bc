"""What holds for all tests."""

from hypothesis import settings

pytest_plugins = ["tests.served.gateway"]

# How long an example takes is the machine's business, and no verdict. The rest is as it was, also where CI sets it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
