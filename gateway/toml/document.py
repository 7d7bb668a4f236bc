"""A parsed TOML file that can locate a problem by line."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.toml.lines import Lines
from gateway.toml.problems import ConfigurationError, Problem, format_path


@dataclass(slots=True)
class Document:
    """A parsed file. The default stands for no file: it has no values."""

    name: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    lines: Lines = field(default_factory=lambda: Lines(""))

    def locate(self, problem: Problem) -> tuple[int, str]:
        """Return the line of a problem, 0 if it has none, and the message with file and line."""
        line = self.lines.line_of(problem.path)
        location = self.name if line is None else f"{self.name}:{line}"
        return line or 0, f"{location}: {format_path(problem.path)}: {problem.message}"


def read(file: Path | None) -> Document:
    """Read and parse a file; None returns an empty document.

    Raises:
        ConfigurationError: The file can't be read, or is not valid TOML. The message names the line.
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
        message = _describe_syntax_error(file, text, str(error))
    except ValueError:
        message = f"{file}: is not TOML that can be read: a number has thousands of digits"
    except RecursionError:
        message = f"{file}: is not TOML that can be read: it is nested too deeply"
    raise ConfigurationError(message)


def _describe_syntax_error(file: Path, text: str, problem: str) -> str:
    position = re.search(r" \(at (?:line (\d+), (column \d+)|end of document)\)$", problem)
    if position is None:
        return f"{file}: is not TOML: {problem}"
    problem = problem[: position.start()]
    if problem.startswith(("Cannot overwrite", "Cannot declare")):
        problem += ": is it defined twice? Each table of a list begins with [[…]], as in [[models.NAME.upstreams]]"
    if position[1] is None:
        return f"{file}:{len(text.rstrip().splitlines()) or 1}: is not TOML: {problem} at the end of the file"
    return f"{file}:{position[1]}: is not TOML: {problem} ({position[2]})"
