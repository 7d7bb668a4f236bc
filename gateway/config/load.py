"""Put the settings together from where they are set, and say all that is wrong with them at once."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, SecretStr, ValidationError

from gateway.config.providers import preset_name, provider
from gateway.config.settings import NAMED, PLAIN, PREFIX, Settings, variable
from gateway.config.tables import (
    JwtTable,
    ModelTable,
    PriceTable,
    ProviderTable,
    UpstreamTable,
    as_key,
    as_shared_secret,
)
from gateway.config.validate import cross_check, place
from gateway.toml import problems
from gateway.toml.document import Document, read
from gateway.toml.problems import Problem, as_error

TOKEN_VARIABLE: Final = f"{PREFIX}TOKEN"
"""What `dualstream chat` shows to the gateway."""

_SECRETS: Final = frozenset({"key", "api_key", "apikey", "api-key", "secret", "token", "password", "upstream_api_key"})
"""Keys under which one may look for a place for a secret."""

_TABLES: Final[Mapping[str, type[BaseModel]]] = {"providers": ProviderTable, "models": ModelTable, "jwt": JwtTable}

_WORDS: Final = {
    "missing": "is missing",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "tuple_type": "must be a list",
    "string_type": "must be text in quotes",
}
"""What pydantic says of the makings of a file in words that are not a file's."""


_MEANT: Final[Mapping[problems.Path, str]] = {
    ("model",): "must be a list of names; a model with an upstream is a table [models.NAME]",
    ("provider",): "must be text in quotes; a provider is a table [providers.NAME]",
}
"""Settings that are one letter from a table."""


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
    found += [*wrong, *cross_check(settings, values.keys(), broken)]
    settings, unset = _with_keys(settings, environment)
    settings, untold = _with_secret(settings, environment, broken)
    found += [*unset, *untold]
    if found:
        raise as_error(_named(found, labels, document))
    return _beside(settings, file, labels)


def keys_file(environment: Mapping[str, str], file: Path | None = None) -> Path | None:
    """Give the file of keys that a configuration names, whatever else may be wrong with it.

    Raises:
        ConfigurationError: the file of the configuration can't be read.
    """
    given = environment.get(variable("keys_file"))
    if given:
        return Path(given)
    named = read(file).values.get("keys_file")
    return _from(file, Path(named)) if file is not None and isinstance(named, str) and named else None


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Find variables that look like ours but set nothing: a slip of the pen, or what a platform adds by itself."""
    known = {FILE_VARIABLE, TOKEN_VARIABLE, *map(variable, PLAIN)}
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
    broken = {problem.path[:2] if problem.path[0] in NAMED else problem.path[:1] for problem in wrong}
    rest = {
        name: {key: table for key, table in value.items() if (name, key) not in broken}
        if name in NAMED and isinstance(value, dict)
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
    if location[2:] == ("upstreams",) and kind == "tuple_type":
        return "must be a list: each of them begins with [[models.NAME.upstreams]]"
    if location in _MEANT and kind in {"string_type", "tuple_type"}:
        return _MEANT[location]
    if location[:1] == ("aliases",) and kind == "string_type":
        return "must be the name of a model; a name with a dot is written in quotes, settings above the first table"
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
        nested = len(path) > 1 or path[0] == "jwt"
        secret = [key for key in value if nested and key.lower() in _SECRETS]
        named = "secret_variable" if path[0] == "jwt" else "key_variable"
        message = f"a key does not belong in the file: put it into an environment variable, and name that in {named}"
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


def _with_secret(
    settings: Settings, environment: Mapping[str, str], broken: Collection[problems.Path]
) -> tuple[Settings, list[Problem]]:
    """Add the shared secret that tokens are checked with."""
    table = settings.jwt
    if table is None or not table.secret_variable or any(path[0] == "jwt" for path in broken):
        return settings, []
    wanted, path = table.secret_variable, ("jwt", "secret_variable")
    if not environment.get(wanted):
        return settings, [Problem(path, f"the environment variable {wanted} is not set: it is to hold the secret")]
    try:
        secret = as_shared_secret(SecretStr(environment[wanted]))
    except ValueError as error:
        return settings, [Problem(path, f"what {wanted} holds {error}")]
    return settings.model_copy(update={"jwt": table.model_copy(update={"secret": secret})}), []


def _beside(settings: Settings, file: Path | None, labels: Mapping[str, str]) -> Settings:
    """Have the files that the file names lie beside it."""
    changed: dict[str, object] = {}
    if settings.keys_file is not None and "keys_file" not in labels:
        changed["keys_file"] = _from(file, settings.keys_file)
    if settings.jwt is not None and settings.jwt.jwks_file is not None:
        jwks_file = str(_from(file, Path(settings.jwt.jwks_file)))
        changed["jwt"] = settings.jwt.model_copy(update={"jwks_file": jwks_file})
    return settings.model_copy(update=changed) if changed else settings


def _from(file: Path | None, named: Path) -> Path:
    return named if file is None else file.parent / named


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


FILE_VARIABLE: Final = f"{PREFIX}CONFIG"


DEFAULT_FILE: Final = Path("dualstream.toml")


def find_file(given: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Choose the file: the one that is given, that of `DUALSTREAM_CONFIG`, or `./dualstream.toml` if there is one."""
    if given is not None:
        return given
    named = environment.get(FILE_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None
