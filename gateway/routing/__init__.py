"""Routing: what a model's targets are, how they performed recently, and which one to call next. Pure."""
