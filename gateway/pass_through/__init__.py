"""Endpoints of providers that are passed on under the gateway's keys, limits, prices and budgets, and nothing more.

Their answers are documents, not generations: nothing is kept, logged or streamed.
"""
