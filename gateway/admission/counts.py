"""How many there are of each name. Pure."""


class Counts:
    """Counts by name; a name without any takes no memory."""

    def __init__(self) -> None:
        self._each: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        return self._each.get(name, 0)

    def has_room(self, name: str, most: int) -> bool:
        """Tell whether one more is within a limit; 0 means none."""
        return not most or self[name] < most

    def add(self, name: str) -> None:
        """Count one in."""
        self._each[name] = self[name] + 1

    def remove(self, name: str) -> None:
        """Count one out."""
        left = self._each[name] - 1
        if left:
            self._each[name] = left
        else:
            del self._each[name]
