"""One driver for each client. Each runs in the environment of the installation, or of its Node."""
