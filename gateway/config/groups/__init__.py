"""The settings in groups: the parts of `Settings`."""
