"""Load the settings from options, environment variables and a file, and report all problems at once."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from gateway.config.credentials import add_jwt_secret, add_provider_keys, remove_secrets
from gateway.config.errors import to_problem
from gateway.config.files import FILE_VARIABLE, resolve_paths
from gateway.config.settings import NAMED_TABLES, PLAIN_SETTINGS, VARIABLE_PREFIX, Settings, variable_name
from gateway.config.validate import cross_check
from gateway.protocol.credentials import TOKEN_VARIABLE
from gateway.toml import problems
from gateway.toml.document import Document, read
from gateway.toml.problems import MAX_SHOWN, Problem, as_error


def load(options: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Load the settings. Options of the command line override the environment, which overrides the file.

    Raises:
        ConfigurationError: it names each setting that is wrong, its source and the problem.
    """
    document = read(file)
    values, found = remove_secrets(document.values)
    sources: dict[str, str] = {}
    for name in PLAIN_SETTINGS:
        option = options.get(name)
        value = environment.get(variable_name(name)) if option is None else option
        if value is not None:
            values[name] = value
            sources[name] = variable_name(name) if option is None else f"--{name.replace('_', '-')}"
    settings, invalid, broken = _validate(values)
    found += [*invalid, *cross_check(settings, values.keys(), broken)]
    settings, missing_keys = add_provider_keys(settings, environment)
    settings, missing_secret = add_jwt_secret(settings, environment, broken)
    found += [*missing_keys, *missing_secret]
    if found:
        raise as_error(_format_problems(found[:MAX_SHOWN], sources, document), len(found))
    return resolve_paths(settings, file, sources)


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the variables with our prefix that set nothing: they are misspelled, or a platform added them."""
    known = {FILE_VARIABLE, TOKEN_VARIABLE, *map(variable_name, PLAIN_SETTINGS)}
    return sorted(name for name in environment if name.startswith(VARIABLE_PREFIX) and name not in known)


def _validate(values: dict[str, object]) -> tuple[Settings, list[Problem], set[problems.Path]]:
    """Check each value by itself.

    Return the settings without the invalid values, the problems, and the paths of the settings and tables that were
    left out.
    """
    try:
        return Settings.model_validate(values), [], set()
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        invalid = [to_problem(detail) for detail in details]
    # The valid rest is cross-checked too, so that one run reports every problem of a file.
    broken = {problem.path[:2] if problem.path[0] in NAMED_TABLES else problem.path[:1] for problem in invalid}
    rest = {
        name: {key: table for key, table in value.items() if (name, key) not in broken}
        if name in NAMED_TABLES and isinstance(value, dict)
        else value
        for name, value in values.items()
        if (name,) not in broken
    }
    return Settings.model_validate(rest), invalid, broken


def _format_problems(found: list[Problem], sources: Mapping[str, str], document: Document) -> list[str]:
    """Return a message for each problem: first those of variables and options, then those of the file by line."""
    lines: list[tuple[int, str]] = []
    for problem in found:
        source = sources.get(str(problem.path[0])) if problem.path else None
        if source is not None:
            lines.append((0, f"{source}: {problem.message}"))
        else:
            lines.append(document.locate(problem))
    return [message for _, message in sorted(lines, key=lambda line: line[0])]
