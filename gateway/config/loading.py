"""Put the settings together from where they are set, and say all that is wrong with them at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, SecretStr, ValidationError

from gateway.config import problems
from gateway.config.file import FILE_VARIABLE, Document, read
from gateway.config.problems import Problem, told
from gateway.config.providers import preset_name, provider
from gateway.config.settings import NESTED, PLAIN, PREFIX, Settings, variable
from gateway.config.tables import ModelTable, PriceTable, ProviderTable, UpstreamTable, as_key
from gateway.config.together import misfits, place

_SECRETS: Final = frozenset({"key", "api_key", "apikey", "api-key", "secret", "token", "password", "upstream_api_key"})
"""Keys under which one may look for a place for a secret."""

_TABLES: Final[Mapping[str, type[BaseModel]]] = {"providers": ProviderTable, "models": ModelTable}

_WORDS: Final = {"missing": "is missing", "model_type": "must be a table", "dict_type": "must be a table"}
"""What pydantic says of the makings of a file in words that are not a file's."""


def load(options: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Put the settings together: options of the command line win over the environment, the environment over the file.

    Raises:
        ConfigurationError: naming each setting that is wrong, where it came from, and how.
    """
    document = read(file)
    values, found = _without_secrets(document.values)
    labels: dict[str, str] = {}
    for name in PLAIN:
        option = options.get(name)
        given = environment.get(variable(name)) if option is None else option
        if given is not None:
            values[name] = given
            labels[name] = variable(name) if option is None else f"--{name.replace('_', '-')}"
    settings, wrong, broken = _checked(values)
    found += [*wrong, *misfits(settings, values.keys(), broken)]
    settings, unset = _with_keys(settings, environment)
    found += unset
    if found:
        raise told(_named(found, labels, document))
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Find variables that look like ours but set nothing: a slip of the pen, or what a platform adds by itself."""
    known = {FILE_VARIABLE, *map(variable, PLAIN)}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def _checked(values: dict[str, object]) -> tuple[Settings, list[Problem], set[problems.Path]]:
    """Check each value by itself; give the settings without what is wrong, what that is, and which tables it took."""
    try:
        return Settings.model_validate(values), [], set()
    except ValidationError as error:
        wrong = [
            Problem(_path(detail["loc"]), _said(detail["type"], detail["msg"], detail["loc"]))
            for detail in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    # The rest is looked at all the same, so that nobody corrects a file once for each fault in it.
    broken = {problem.path[:2] if problem.path[0] in NESTED else problem.path[:1] for problem in wrong}
    rest = {
        name: {key: table for key, table in value.items() if (name, key) not in broken}
        if name in NESTED and isinstance(value, dict)
        else value
        for name, value in values.items()
        if (name,) not in broken
    }
    return Settings.model_validate(rest), wrong, broken


def _path(location: tuple[str | int, ...]) -> problems.Path:
    """Give the path of what pydantic found; it marks keys of a table as such."""
    return location[:-1] if location[-1:] == ("[key]",) else location


def _said(kind: str, message: str, location: tuple[str | int, ...]) -> str:
    if kind == "extra_forbidden":
        return problems.unknown(str(location[-1]), list(_known(location)))
    if location[-1:] == ("[key]",):
        message = f"its name {_alike(message)}"
    return _WORDS.get(kind, message.removeprefix("Value error, "))


def _alike(message: str) -> str:
    """Put what pydantic says of a value into the words of our own checks."""
    return message.removeprefix("Input ").removeprefix("String ").replace("should", "must", 1)


def _known(location: tuple[str | int, ...]) -> Iterator[str]:
    """List the keys that there are at a place."""
    table = _TABLES.get(str(location[0]), Settings) if len(location) > 1 else Settings
    if "upstreams" in location[2:-1]:
        table = UpstreamTable
    if "price" in location[2:-1]:
        table = PriceTable
    return (name for name, field in table.model_fields.items() if not field.exclude)


def _without_secrets(values: Mapping[str, object]) -> tuple[dict[str, object], list[Problem]]:
    """Take out the secrets that are written where a key variable should be named."""
    found: list[Problem] = []

    def clean(value: object, path: problems.Path) -> object:
        if isinstance(value, list):
            return [clean(each, (*path, at)) for at, each in enumerate(value)]
        if not isinstance(value, dict):
            return value
        # The names of aliases, providers and models are anybody's.
        secret = [key for key in value if len(path) > 1 and key.lower() in _SECRETS]
        message = (
            "a key does not belong in the file: put it into an environment variable, and name that in key_variable"
        )
        found.extend(Problem((*path, key), message) for key in secret)
        return {key: clean(each, (*path, key)) for key, each in value.items() if key not in secret}

    return {key: clean(value, (key,)) for key, value in values.items()}, found


def _with_keys(settings: Settings, environment: Mapping[str, str]) -> tuple[Settings, list[Problem]]:
    """Add the keys that the variables hold, and a table for each preset that is named by itself."""
    tables: dict[str, ProviderTable] = {}
    found: list[Problem] = []
    for name, path in _providers(settings).items():
        tables[name] = settings.providers.get(name) or ProviderTable()
        wanted = provider(settings, name).key_variable
        if wanted is None:
            continue
        key = environment.get(wanted, "")
        try:
            tables[name] = tables[name].model_copy(update={"key": as_key(SecretStr(key))})
        except ValueError as error:
            found.append(Problem(path, f"what {wanted} holds {error}"))
        if not key:
            found.append(Problem(path, f"the environment variable {wanted} is not set: it is to hold the key"))
    return settings.model_copy(update={"providers": tables}), found


def _providers(settings: Settings) -> dict[str, problems.Path]:
    """List all providers, each with the place to name when its key is wanting."""
    found: dict[str, problems.Path] = {name: ("providers", name, "key_variable") for name in settings.providers}
    for name, model in settings.models.items():
        for at, upstream in enumerate(model.asked):
            if preset_name(upstream.provider, None):
                found.setdefault(upstream.provider, (*place(name, model, at), "provider"))
    return found


def _named(found: list[Problem], labels: Mapping[str, str], document: Document) -> list[str]:
    """Say each problem with its place: first what is not of the file, then by line."""
    lines: list[tuple[int, str]] = []
    for problem in found:
        label = labels.get(str(problem.path[0])) if problem.path else None
        if label is not None:
            lines.append((0, f"{label}: {problem.message}"))
        else:
            lines.append(document.place(Problem(problem.path, _alike(problem.message))))
    return [message for _, message in sorted(lines, key=lambda line: line[0])]
