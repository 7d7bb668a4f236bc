"""Tables of a benchmark: their columns, and how they are split if they are too wide. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Generic, TypeVar

from rich.cells import cell_len

from gateway.cli.chat.sanitize import safe_line

Row = TypeVar("Row")
"""What a line of a table is about."""

COLUMN_GAP: Final = 2
"""Spaces between two columns of a table."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column. `left`: text, aligned to the left. A title may have two lines.

    `breaks`: a table that is too wide is split before this column.
    """

    title: str
    cell: Callable[[Row], str]
    left: bool = False
    breaks: bool = False

    def text(self, row: Row) -> str:
        """Return the cell of a row, safe to print."""
        return safe_line(self.cell(row))

    def width(self, rows: Sequence[Row]) -> int:
        """Return the width of the column in a terminal."""
        return max(cell_len(text) for text in (*self.title.split("\n"), *(self.text(row) for row in rows)))


def split(
    columns: Sequence[Column[Row]], rows: Sequence[Row], width: int, first: Column[Row]
) -> list[list[Column[Row]]]:
    """Split columns into as many tables as the width requires; each then starts with the column `first`."""
    if sum(column.width(rows) + COLUMN_GAP for column in columns) - COLUMN_GAP <= width:
        return [list(columns)]
    # A name that is longer than half of the width is folded.
    available = width - min(first.width(rows), width // 2)
    parts: list[list[Column[Row]]] = []
    left = 0
    for column in (column for column in columns if not column.left):
        needed = COLUMN_GAP + column.width(rows)
        if not parts or column.breaks or needed > left:
            parts.append([first])
            left = available
        parts[-1].append(column)
        left -= needed
    return parts


def html_table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> str:
    """Return a table for the page."""
    sides = ["" if column.left else " class=right" for column in columns]
    named = list(zip(columns, sides, strict=True))
    head = "".join(f"<th{side}>{escape(column.title).replace(chr(10), '<br>')}</th>" for column, side in named)
    body = "".join(
        f"<tr>{''.join(f'<td{side}>{escape(column.cell(row))}</td>' for column, side in named)}</tr>\n" for row in rows
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
