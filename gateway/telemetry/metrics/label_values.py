"""Bound the values of labels: what clients can choose must not create series without end. Pure."""

from collections.abc import Callable, Collection
from typing import Final

OTHER: Final = "other"
"""Value of a label that stands for all values beyond the maximum."""

MAX_VALUES: Final = 100
"""Maximum number of values of one label, beside those that are configured."""

MAX_LENGTH: Final = 128
"""Maximum characters of a value."""


class LabelValues:
    """The values that each label has. `configured` returns those of a label that are always kept."""

    def __init__(
        self, configured: Callable[[str], Collection[str]] = lambda _label: (), max_values: int = MAX_VALUES
    ) -> None:
        self._configured = configured
        self._max_values = max_values
        self._seen: dict[str, set[str]] = {}
        self.dropped: dict[str, int] = {}
        """How often a value became `OTHER`, by label."""

    def bound(self, label: str, value: str) -> str:
        """Return the value itself, or `OTHER` if the label has its maximum number of values."""
        seen = self._seen.setdefault(label, set())
        if value in seen or not value:
            return value
        if len(value) <= MAX_LENGTH and (len(seen) < self._max_values or value in self._configured(label)):
            if value not in self._configured(label):
                seen.add(value)
            return value
        self.dropped[label] = self.dropped.get(label, 0) + 1
        return OTHER
