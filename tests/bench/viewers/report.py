"""The table in the terminal, as JSON, and in the page of the documentation."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figures
from tests.bench.processes import CHECKOUT
from tests.bench.targets import TARGETS
from tests.bench.viewers.rows import SECTIONS, TITLES

PAGE: Final = CHECKOUT / "docs" / "operations" / "ten-thousand-viewers.md"
BEGIN: Final = "<!-- The figures: written by `make viewers VIEWERS=--write` -->\n"
END: Final = "<!-- The end of the figures -->\n"


@dataclass(frozen=True, slots=True)
class Report:
    """The figures and problems of a run, by scenario and transport."""

    taken: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    figures: dict[str, dict[str, Figures]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def dump(self) -> str:
        """Encode it as JSON."""
        document = {
            "taken": self.taken,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "figures": self.figures,
            "problems": self.problems,
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def show(self, console: Console) -> None:
        """Print the tables and the problems."""
        for scenario, by_transport in self.figures.items():
            table = Table(title=TITLES[scenario], title_justify="left", box=None, pad_edge=False, header_style="bold")
            table.add_column("", no_wrap=True)
            for transport in by_transport:
                table.add_column(TARGETS[transport].title, justify="right", no_wrap=True)
            for cells in _lines(scenario, by_transport):
                table.add_row(*cells)
            console.print(table)
            console.print()
        self.show_problems(console)

    def show_problems(self, console: Console) -> None:
        """Print the problems alone, or that there are none."""
        for problem in self.problems:
            console.print(problem, style="red", markup=False, highlight=False)
        if not self.problems:
            console.print("Nothing was lost, received twice or refused.", highlight=False)

    def write_page(self, page: Path = PAGE) -> None:
        """Write the tables into the page."""
        before, _, rest = page.read_text("utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(before + BEGIN + self.markdown() + END + after, "utf-8")

    def markdown(self) -> str:
        """Return the tables as Markdown."""
        machine, versions = self.machine, self.versions
        lines = [
            "",
            f"{self.taken}, commit {versions.get('commit', '')}, Python {versions['python']}, uvloop "
            f"{versions['uvloop']}, {machine['kernel']}, {machine['cores']} cores ({machine['processor']}), "
            f"{machine['memory']}; gateway, provider and clients share them.",
        ]
        for scenario, by_transport in self.figures.items():
            names = [TARGETS[transport].title for transport in by_transport]
            lines += ["", f"### {TITLES[scenario]}", "", f"| | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
            lines += [f"| {' | '.join(cells)} |" for cells in _lines(scenario, by_transport)]
        return "\n".join([*lines, "", ""])


def _lines(scenario: str, by_transport: Mapping[str, Figures]) -> Iterator[list[str]]:
    for row in SECTIONS[scenario]:
        yield [row.title, *(row.format(figures) for figures in by_transport.values())]
