"""Prices, token usage, savings and budgets. Pure."""
