"""Change keys and configuration for the admin API, on all gateways of the deployment."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

import orjson
from pydantic import JsonValue, TypeAdapter

from gateway.api.admin.administration import Outcome, ReloadReport
from gateway.app.authentication import check_stored_keys, find_api_keys
from gateway.app.key_activity import KeyActivity
from gateway.app.reload import NothingToLoadError, Reloader
from gateway.billing.daily_use import Use
from gateway.protocol.errors import Refused, invalid
from gateway.replicas.generations import Generations
from gateway.security.api_keys import StoredKey, parse_stored_key
from gateway.security.authenticator import Authenticator
from gateway.security.key_changes import KeyConflictError, UnknownKeyError, add_key, alter_key, remove_keys
from gateway.security.key_file import LIMIT_FIELDS
from gateway.toml.problems import ConfigurationError

KEYS: Final = "keys"
RELOAD: Final = "reload"
"""Actions that a gateway asks the others for."""

RELOAD_SECONDS: Final = 10.0
"""Maximum time that another gateway may take to load its configuration."""

NO_FILE: Final = (
    "Keys are not kept in a file here: set keys_file (DUALSTREAM_KEYS_FILE) to the file that `dualstream keys` writes, "
    "and restart or reload the gateway"
)
OTHER_KEYS: Final = "it accepts other keys than this gateway: let all gateways use one keys_file"
THIS_GATEWAY: Final = "this gateway"
"""Name of the gateway that made a change, where it can't apply it itself."""

_IDS: Final = TypeAdapter(list[str])
T = TypeVar("T")


class GatewayAdministration:
    """Implements `gateway.api.admin.administration.Administration`.

    The key file is the source of truth. A change is written to the file of this gateway, with the functions that
    `dualstream keys` uses, and applied here. Then the others read theirs. They usually have the same one.
    One that has a copy removes what was revoked from that; it never learns a new key or right from the store, so that
    who can write to the store can't add any.
    """

    def __init__(
        self, reloader: Reloader, generations: Generations, authenticator: Authenticator, activity: KeyActivity
    ) -> None:
        self._reloader = reloader
        self._generations = generations
        self._authenticator = authenticator
        self._activity = activity
        generations.answer(KEYS, self._on_keys_changed)
        generations.answer(RELOAD, self._on_reload)

    @property
    def keys(self) -> Sequence[StoredKey]:
        """Return the keys that are accepted."""
        scheme = find_api_keys(self._authenticator.schemes)
        return () if scheme is None else [*scheme.keys.values()]

    @property
    def obstacle(self) -> str | None:
        """Return why keys can't be changed here, and what to configure; None if they can."""
        return NO_FILE if self._file is None else None

    def fixed_ids(self) -> AbstractSet[str]:
        """Return the ids of the keys that no request can change: those of the setting `keys`, or without a file all."""
        if self._file is None:
            return {key.id for key in self.keys}
        return {parse_stored_key(key.get_secret_value()).id for key in self._reloader.settings.keys}

    async def last_used(self, keys: Sequence[StoredKey]) -> Mapping[str, float]:
        """Return when keys were used last, by their ids."""
        return await self._activity.last_used(keys)

    async def use(self, principals: Sequence[str]) -> Mapping[str, Use]:
        """Return what principals have used on this day, by their ids."""
        return await self._activity.use(principals)

    async def add_key(self, key: StoredKey) -> Outcome:
        """Add a key, and accept it from now on; the outcome says which gateways can't, this one included.

        Raises:
            Refused: its name is in use, or keys can't be changed here. There is no such key then.
        """
        await _in_file(partial(add_key, self._editable_file(), key, self._check))
        return await self._apply()

    async def alter_key(self, key_id: str, alter: Callable[[StoredKey], StoredKey]) -> tuple[StoredKey, Outcome]:
        """Replace a key by what `alter` makes of it, from now on; return that.

        Raises:
            Refused: the key is unknown, or can't be changed here.
        """
        file = self._editable_file(key_id)
        altered = await _in_file(partial(alter_key, file, key_id, alter, self._check))
        return altered, await self._apply()

    async def revoke_key(self, key_id: str) -> Outcome:
        """Refuse a key from now on, and forget it.

        Raises:
            Refused: as `alter_key`.
        """
        await _in_file(partial(remove_keys, self._editable_file(key_id), lambda key: key.id == key_id))
        return await self._apply([key_id])

    async def reload(self) -> tuple[ReloadReport, Outcome]:
        """Load the configuration again, and change to it; then the other gateways do the same.

        Raises:
            Refused: there is no file to load.
            ConfigurationError: the configuration is not valid. Nothing has changed.
        """
        report = await self._reload()
        answers = await self._generations.ask_all(RELOAD, {}, seconds=RELOAD_SECONDS)
        return report, _outcome(answers)

    @property
    def _file(self) -> Path | None:
        return self._reloader.settings.keys_file

    def _editable_file(self, key_id: str | None = None) -> Path:
        """Return the key file.

        Raises:
            Refused: there is none, or the key of this id is not in it.
        """
        if self._file is None:
            message = f"{NO_FILE}."
            raise invalid(message, status=HTTPStatus.CONFLICT)
        key = next((key for key in self.keys if key.id == key_id), None)
        if key is not None and key.id in self.fixed_ids():
            message = f"{key.name} is given by the setting keys (DUALSTREAM_KEYS): change it there, and reload."
            raise invalid(message, status=HTTPStatus.CONFLICT)
        return self._file

    def _check(self, keys: Sequence[StoredKey]) -> None:
        check_stored_keys(self._reloader.settings, keys)

    async def _apply(self, revoked: Sequence[str] = ()) -> Outcome:
        """Read the keys again, here and on the other gateways.

        The file has been changed by now: a failure is a part of the outcome, and never an error. That would hide what
        was done, and lose the secret of a new key.
        """
        problem = None
        try:
            await self._reload_keys()
        except Refused as error:
            problem = error.message
        # Without a problem, the others must accept the same keys.
        digest = _digest(self.keys) if problem is None else None
        answers = await self._generations.ask_all(KEYS, {"revoked": [*revoked]})
        outcome = _outcome(answers, lambda answer: OTHER_KEYS if digest not in {None, answer.get("digest")} else None)
        if problem is None:
            return outcome
        return Outcome(outcome.applied - 1, {THIS_GATEWAY: problem, **(outcome.failed or {})})

    async def _reload_keys(self) -> None:
        try:
            await self._reloader.reload_keys()
        except ConfigurationError as error:
            raise invalid(f"The keys can't be read: {error}", status=HTTPStatus.CONFLICT) from None

    async def _reload(self) -> ReloadReport:
        try:
            return await self._reloader.reload()
        except NothingToLoadError:
            message = "There is nothing to reload: this gateway has neither a configuration file nor a keys_file."
            raise invalid(message, status=HTTPStatus.CONFLICT) from None
        except OSError as error:
            message = f"the simulator can't listen: {error.strerror}"
            raise ConfigurationError(message) from None

    # What other gateways ask for.

    async def _on_keys_changed(self, arguments: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        revoked = frozenset(_IDS.validate_python(arguments.get("revoked", [])))
        if revoked and self._file is not None and any(key.id in revoked for key in self.keys):
            await _in_file(partial(_remove, self._file, revoked))
        await self._reload_keys()
        return {"digest": _digest(self.keys)}

    async def _on_reload(self, _arguments: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        try:
            await self._reload()
        except ConfigurationError as error:
            raise invalid(str(error), status=HTTPStatus.UNPROCESSABLE_ENTITY) from None
        return {}


def _remove(file: Path, key_ids: frozenset[str]) -> None:
    # Another gateway that uses the same file has removed them already.
    with suppress(UnknownKeyError):
        remove_keys(file, lambda key: key.id in key_ids)


async def _in_file(change: Callable[[], T]) -> T:
    """Change or read the key file in a thread.

    Raises:
        Refused: that is not possible; the message says why.
    """
    try:
        return await asyncio.to_thread(change)
    except KeyConflictError as error:
        raise invalid(f"name: {error}.", param="name", status=HTTPStatus.CONFLICT) from None
    except UnknownKeyError:
        message = "There is no such key in the key file any more: list the keys again."
        raise invalid(message, param="key_id", status=HTTPStatus.NOT_FOUND) from None
    except ConfigurationError as error:
        raise invalid(f"The keys can't be changed: {error}", status=HTTPStatus.CONFLICT) from None
    except TimeoutError:
        message = "Another process, perhaps a stopped one, keeps the key file locked: end it, and try again."
        raise invalid(message, status=HTTPStatus.CONFLICT) from None
    except OSError as error:
        message = f"The key file can't be written: {error.strerror}. It must be a file, in a writable folder."
        raise invalid(message, status=HTTPStatus.CONFLICT) from None


def _outcome(
    answers: Mapping[str, Mapping[str, JsonValue] | Exception],
    find_problem: Callable[[Mapping[str, JsonValue]], str | None] = lambda _answer: None,
) -> Outcome:
    """Return how many gateways have followed, this one included, and why others have not."""
    failed: dict[str, str] = {}
    for name, answer in answers.items():
        problem = _describe(answer) if isinstance(answer, Exception) else find_problem(answer)
        if problem is not None:
            failed[name] = problem
    return Outcome(1 + len(answers) - len(failed), failed)


def _describe(error: Exception) -> str:
    if isinstance(error, Refused):
        return error.message
    if isinstance(error, TimeoutError):
        return "it has not answered in time"
    return "it can't be reached through the store"


def _digest(keys: Sequence[StoredKey]) -> str:
    """Return what stands for the keys that a gateway accepts, with their rights and limits."""
    rows = [
        [key.name, key.credential, key.expires, sorted(key.models or ()), key.models is None, sorted(key.roles)]
        + [getattr(key.limits, name) for name in LIMIT_FIELDS]
        for key in sorted(keys, key=lambda key: key.id)
    ]
    return hashlib.sha256(orjson.dumps(rows)).hexdigest()
