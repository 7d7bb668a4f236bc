"""The TOML file: which one it is, what it says, and how a place in it is named."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.toml.lines import Lines
from gateway.toml.problems import ConfigurationError, Problem, format_path


@dataclass(slots=True)
class Document:
    """A file that was read; without one, it says nothing."""

    name: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    lines: Lines = field(default_factory=lambda: Lines(""))

    def place(self, problem: Problem) -> tuple[int, str]:
        """Give the line of a problem, 0 if there is none, and the message that names it."""
        line = self.lines.of(problem.path)
        where = self.name if line is None else f"{self.name}:{line}"
        return line or 0, f"{where}: {format_path(problem.path)}: {problem.message}"


def read(file: Path | None) -> Document:
    """Read a file.

    Raises:
        ConfigurationError: it can't be read, or is not TOML; with the line.
    """
    if file is None:
        return Document()
    try:
        # Some editors begin a file with a byte order mark.
        text = file.read_text("utf-8-sig")
        return Document(str(file), tomllib.loads(text), Lines(text))
    except OSError as error:
        message = f"{file}: can't be read: {error.strerror}"
    except UnicodeDecodeError as error:
        message = f"{file}: is not TOML: it is not UTF-8 (byte {error.start})"
    except tomllib.TOMLDecodeError as error:
        message = _not_toml(file, text, str(error))
    except ValueError:
        message = f"{file}: is not TOML that can be read: a number in it has thousands of digits"
    except RecursionError:
        message = f"{file}: is not TOML that can be read: it is nested too deep"
    raise ConfigurationError(message)


def _not_toml(file: Path, text: str, said: str) -> str:
    place = re.search(r" \(at (?:line (\d+), (column \d+)|end of document)\)$", said)
    if place is None:
        return f"{file}: is not TOML: {said}"
    said = said[: place.start()]
    if said.startswith(("Cannot overwrite", "Cannot declare")):
        said += ": is it there twice? Each table of a list begins with [[…]], as in [[models.NAME.upstreams]]"
    if place[1] is None:
        return f"{file}:{len(text.rstrip().splitlines()) or 1}: is not TOML: {said} at the end of the file"
    return f"{file}:{place[1]}: is not TOML: {said} ({place[2]})"
