"""Checks of single values. Each returns the value, or raises ValueError with a message that does not show it. Pure."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import HttpUrl, SecretStr

from gateway.net.proxy import DIRECT, ENVIRONMENT
from gateway.security.api_keys import check_unique, parse_stored_key
from gateway.store.redis.address import FORMS, parse_address

MEMORY: Final = "memory"
"""Value of the setting `store` without a shared store."""

_MIN_SECRET_BYTES: Final = 32
"""RFC 7518, 3.2: a key of HS256 has at least the size of its hash."""

_MIN_METRICS_KEY: Final = 16
"""Minimum characters of a metrics key."""

_SECRET_NAME: Final = re.compile(r"key|token|secret|passw|credential|signature|^sig$|^auth", re.IGNORECASE)
"""Names of parameters in a query that hold a secret, such as Google's `key` and Azure's `subscription-key`."""

_CALL_PATHS: Final = ("/chat/completions", "/responses", "/messages")
"""Paths of upstream calls, which are appended to a base URL."""


def check_variable_name(name: str | None, example: str) -> str | None:
    """Check the name of an environment variable that holds a secret; empty names are allowed.

    Raises:
        ValueError: it is not a name in capitals, so that it may be the secret itself.
    """
    # POSIX names variables in capitals. A key that is written here by mistake is then rejected, and never shown.
    if name and not (name.isascii() and name.isidentifier() and name == name.upper()):
        message = f"must be the name of an environment variable in capitals, such as {example}, not a key"
        raise ValueError(message)
    return name


def check_no_userinfo(url: HttpUrl | None) -> HttpUrl | None:
    """Check that a URL contains no secret, so that it can be shown and logged.

    Raises:
        ValueError: it has a user name or a password.
    """
    if url is not None and (url.username or url.password):
        message = "must not contain a user name or password: put keys into environment variables"
        raise ValueError(message)
    return url


def check_base_url(url: HttpUrl | None) -> HttpUrl | None:
    """Check that paths can be appended to a URL, and that it can be shown. Its query is kept behind the path.

    Raises:
        ValueError: it has a user name, password or fragment, a key in its query, or ends with the path of a call.
    """
    check_no_userinfo(url)
    if url is not None and url.fragment:
        message = "must be a base URL without a fragment: paths are appended to it"
        raise ValueError(message)
    secret = next((name for name, _ in (url.query_params() if url else ()) if _SECRET_NAME.search(name)), None)
    if secret is not None:
        message = f"must not contain a key, as in {secret!r}: URLs are logged. Set key_variable, or upstream_api_key"
        raise ValueError(message)
    path = ((url and url.path) or "").rstrip("/")
    for call_path in _CALL_PATHS:
        if path.endswith(call_path):
            message = f"must be a base URL: remove {call_path}, which is appended to it"
            raise ValueError(message)
    return url


def check_proxy(proxy: str) -> str:
    """Check the setting of a proxy.

    Raises:
        ValueError: it is not a URL of an HTTP proxy, or has a user name or password.
    """
    if proxy in {DIRECT, ENVIRONMENT}:
        return proxy
    url = urlsplit(proxy)
    if url.username or url.password:
        message = "must not contain a user name or password: put the URL into HTTPS_PROXY, and set `environment` here"
        raise ValueError(message)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.query or url.fragment:
        message = "must be the URL of an HTTP proxy, such as http://proxy.example:3128, or `environment`, or `direct`"
        raise ValueError(message)
    return proxy


def check_store(store: str) -> str:
    """Check the setting of a store, as far as it can be checked without connecting to it.

    Raises:
        ValueError: it is neither `memory` nor the URL of a store. The message does not show it: it may hold a password.
    """
    if store == MEMORY:
        return store
    if "://" not in store:
        message = f"must be `memory`, or a URL: {FORMS}"
        raise ValueError(message)
    parse_address(store)
    return store


def check_shared_secret(secret: SecretStr) -> SecretStr:
    """Check that a shared secret is too long to be found from a token by guessing (RFC 7518, 3.2).

    Raises:
        ValueError: it is too short.
    """
    if len(secret.get_secret_value().encode()) < _MIN_SECRET_BYTES:
        message = f"must have at least {_MIN_SECRET_BYTES} bytes"
        raise ValueError(message)
    return secret


def check_metrics_key(key: SecretStr | None) -> SecretStr | None:
    """Check that a metrics key can be sent as a bearer token (RFC 6750, 2.1), and is too long to be guessed.

    Raises:
        ValueError: it can't, or is too short.
    """
    text = "" if key is None else key.get_secret_value()
    if key is not None and (
        len(text) < _MIN_METRICS_KEY or not text.isascii() or not text.isprintable() or " " in text
    ):
        message = (
            f"must have at least {_MIN_METRICS_KEY} characters, printable ASCII without spaces: create one with "
            "`openssl rand -hex 24`"
        )
        raise ValueError(message)
    return key


def check_header_value(key: SecretStr | None) -> SecretStr | None:
    """Check that a key can be sent in a header.

    Raises:
        ValueError: it is not printable ASCII.
    """
    if key is not None and not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
        message = "must be printable ASCII: remove line breaks and non-ASCII characters"
        raise ValueError(message)
    return key


def check_stored_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Check keys that are accepted without a file.

    Raises:
        ValueError: one has another form, or two have the same name or id.
    """
    check_unique([parse_stored_key(key.get_secret_value()) for key in keys])
    return keys


def check_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    """Check addresses and networks; `*` is every address.

    Raises:
        ValueError: one is neither.
    """
    for network in networks:
        try:
            if network != "*":
                ipaddress.ip_network(network, strict=False)
        except ValueError:
            message = f"{network!r} is not an address or a network such as 10.0.0.0/8"
            raise ValueError(message) from None
    return networks


def check_cookie_name(name: str | None) -> str | None:
    """Check the name of a cookie, which is a token (RFC 6265, 4.1.1).

    Raises:
        ValueError: it is not.
    """
    if name is not None and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", name):
        message = f"{name!r} is not a cookie name: use letters, digits, - and _, such as __Host-dualstream"
        raise ValueError(message)
    return name
