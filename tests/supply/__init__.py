"""Supply chain: pinned dependencies, their audit and licences, and the container image."""
