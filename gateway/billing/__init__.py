"""Prices, usage, savings and budgets. Pure."""
