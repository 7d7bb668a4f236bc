"""Who is alive, and who owns what: the lease of this gateway, and what becomes of the generations of one that died."""
