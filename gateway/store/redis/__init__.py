"""A store in Redis or Valkey, over redis-py: one server, Sentinel, or a cluster."""
