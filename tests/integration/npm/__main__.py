"""Install all sets of npm packages, unless they are: `python -m tests.integration.npm`."""

from tests.integration.npm import names, npm_set

for name in names():
    print(f"{name}: {npm_set(name).folder}", flush=True)
