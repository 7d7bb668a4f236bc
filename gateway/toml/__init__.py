"""Read TOML files and report problems by line."""
