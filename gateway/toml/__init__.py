"""Reading of TOML files, and problems reported by line."""
