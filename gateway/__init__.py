"""Dualstream: one upstream streaming pipeline, its log, and the hub that owns every generation."""
