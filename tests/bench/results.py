"""The results of a benchmark, as they are stored."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.figures import Figures, medians

VERSION = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One load on one target: the figures of each run, and descriptions of the problems."""

    scenario: str
    name: str
    target: str
    runs: list[Figures] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def medians(self) -> Figures:
        """Return the median of each figure."""
        return medians(self.runs)


@dataclass(frozen=True, slots=True)
class Results:
    """All rows, the machine and versions, and the targets left out with the reasons."""

    taken: str
    machine: dict[str, str]
    versions: dict[str, str]
    runs: int
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def row(self, name: str, target: str) -> Row | None:
        """Return a row, or None."""
        return next((row for row in self.rows if (row.name, row.target) == (name, target)), None)

    def figure(self, name: str, target: str, figure: str) -> float | None:
        """Return a median, or None."""
        row = self.row(name, target)
        return row.medians.get(figure) if row else None

    @property
    def targets(self) -> list[str]:
        """Return the targets that have rows, in order."""
        return list(dict.fromkeys(row.target for row in self.rows))


class UnreadableError(Exception):
    """A file does not hold results; the message says why."""


def dump(results: Results) -> str:
    """Encode results as JSON; medians are included for human readers."""
    document = {"version": VERSION, **asdict(results)}
    for written, row in zip(document["rows"], results.rows, strict=True):
        written["medians"] = row.medians
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def load(file: Path) -> Results:
    """Read results from a file.

    Raises:
        UnreadableError: the file does not exist, or does not hold results.
    """
    try:
        document = json.loads(file.read_text("utf-8"))
        if document.pop("version") != VERSION:
            message = f"{file} has another version"
            raise UnreadableError(message)
        for row in document["rows"]:
            del row["medians"]
        return Results(**{**document, "rows": [Row(**row) for row in document["rows"]]})
    except OSError as error:
        message = f"{file} can't be read: {error.strerror}"
        raise UnreadableError(message) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{file} does not hold results: {error!r}"
        raise UnreadableError(message) from None
