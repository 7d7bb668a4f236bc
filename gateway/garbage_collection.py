"""When a server looks for reference cycles: seldom, and never among what its start has loaded."""

import gc
from typing import Final

THRESHOLDS: Final = (10_000, 5, 40)
"""Allocations before a collection, and how often before the older generations.

Streams leave no cycles, except where a provider fails: there is little to find, and with Python's own 700 it runs many
times in each request. A start leaves hardly any either, and would look at all that it has loaded many times.

The middle generation is looked at after 50,000 allocations that stay, a pause of 40 ms while thousands of streams open;
the same work in fewer and longer pauses (200,000) stopped the event loop for 140 ms. The oldest: after 2,000,000."""


def collect_seldom() -> None:
    """Set the thresholds of this process."""
    gc.set_threshold(*THRESHOLDS)


def keep_what_is_loaded() -> None:
    """Collect once, and leave what remains out of all collections: it stays.

    Examining it in each collection took a third of the time of a short request.
    """
    gc.collect()
    gc.freeze()
