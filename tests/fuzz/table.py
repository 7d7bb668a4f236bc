"""All fuzz targets."""

from typing import Final

from tests.fuzz import bodies, browser, clients, credentials, headers, servers, upstreams
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for module in (upstreams, servers, bodies, credentials, headers, clients, browser)
    for target in module.TARGETS
}
