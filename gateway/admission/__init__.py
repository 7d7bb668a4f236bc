"""Admission control: rate limits, concurrency slots and their queue, limits of connections and streams. Pure."""
