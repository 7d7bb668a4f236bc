"""The outcome of a benchmark, as it is stored. Pure."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.figures import Figures, medians

VERSION = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One load at one target: the figures of each run, and what was wrong."""

    scenario: str
    name: str
    target: str
    runs: list[Figures] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def medians(self) -> Figures:
        """The median of each figure."""
        return medians(self.runs)


@dataclass(frozen=True, slots=True)
class Results:
    """All rows, where they were measured, and what was left out and why."""

    taken: str
    machine: dict[str, str]
    versions: dict[str, str]
    runs: int
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def row(self, name: str, target: str) -> Row | None:
        """Find a row."""
        return next((row for row in self.rows if (row.name, row.target) == (name, target)), None)

    def figure(self, name: str, target: str, figure: str) -> float | None:
        """Find a median."""
        row = self.row(name, target)
        return row.medians.get(figure) if row else None

    @property
    def targets(self) -> list[str]:
        """The targets that have rows, in their order."""
        return list(dict.fromkeys(row.target for row in self.rows))


class UnreadableError(Exception):
    """A file holds no results; the message says why."""


def dump(results: Results) -> str:
    """Write results as JSON, with the medians for those who read it by eye."""
    document = {"version": VERSION, **asdict(results)}
    for written, row in zip(document["rows"], results.rows, strict=True):
        written["medians"] = row.medians
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def load(file: Path) -> Results:
    """Read them.

    Raises:
        UnreadableError: the file is not there, or not such a file.
    """
    try:
        document = json.loads(file.read_text("utf-8"))
        if document.pop("version") != VERSION:
            message = f"{file} is of another version"
            raise UnreadableError(message)
        for row in document["rows"]:
            del row["medians"]
        return Results(**{**document, "rows": [Row(**row) for row in document["rows"]]})
    except OSError as error:
        message = f"{file} can't be read: {error.strerror}"
        raise UnreadableError(message) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{file} holds no results: {error!r}"
        raise UnreadableError(message) from None
