"""The proxy through which an upstream is called, if there is one: one URL, or those of the environment."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from yarl import URL

DIRECT: Final = "direct"
"""Value of the setting: no proxy."""

ENVIRONMENT: Final = "environment"
"""Value of the setting: `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, except for the hosts in `NO_PROXY`.

The variables may be written in lower case, and that comes first, as in curl. `HTTP_PROXY` in capitals is ignored where
`REQUEST_METHOD` is set: it is then a header of a client (httpoxy, CVE-2016-1000110).
"""


class ProxyUrlError(ValueError):
    """A variable of the environment is not the URL of an HTTP proxy. The message names it, and does not show it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The setting of a proxy: `direct`, `environment`, or the URL of an HTTP proxy."""

    setting: str = DIRECT

    def url_for(self, url: URL) -> URL | None:
        """Return the URL of the proxy for a call, or None to connect directly. It may contain a password.

        Raises:
            ProxyUrlError: a variable of the environment is not the URL of an HTTP proxy.
        """
        if self.setting == DIRECT:
            return None
        if self.setting == ENVIRONMENT:
            return _from_environment(url.scheme, url.host or "", url.port)
        return URL(self.setting)


@lru_cache(maxsize=256)
def _from_environment(scheme: str, host: str, port: int | None) -> URL | None:
    """Return the proxy that the environment names for a host; the environment is read once for each."""
    proxies = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or proxy_bypass_environment(f"{host}:{port}" if port else host, proxies):
        return None
    found = URL(proxy if "://" in proxy else f"http://{proxy}")
    if found.scheme not in {"http", "https"} or not found.host:
        # The message must not show the variable: it may contain a password.
        message = f"{scheme.upper()}_PROXY or ALL_PROXY is not the URL of an HTTP proxy"
        raise ProxyUrlError(message)
    return found
