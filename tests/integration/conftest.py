"""Servers, a browser and its demo page; the report of a failed test shows the servers' output."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.integration import processes
from tests.integration.browser import Page, chromium, read_json, wait_until
from tests.integration.javascript.project import pack
from tests.integration.processes import Process, Server, TcpProxy
from tests.integration.redis_cluster import RedisCluster, redis_cluster
from tests.integration.redis_server import redis_server

FOLDER = Path(__file__).parent
LONGEST_FIRST = (
    "test_clients",
    "test_ui_clients",
    "test_proxies",
    "test_browser",
    "test_faults",
    "test_schemathesis",
    "test_agents",
    "test_client_pages",
    "test_attacks",
    "test_javascript_package",
    "test_javascript_docs",
    "test_react_hook",
    "test_react_examples",
    "test_installed",
    "test_python_package",
    "test_fastapi_example",
    "test_python_page",
    "test_replicas",
    "test_processes",
    "test_workers",
    "test_readme",
    "test_first_chat",
    "test_nginx",
)
"""Modules that take half a minute or more, in the order in which workers start them."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort tests for parallel workers: long integration tests first, so that no worker is left with one at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=_start_order)


def _start_order(item: pytest.Item) -> int:
    if FOLDER not in item.path.parents:
        return len(LONGEST_FIRST) + 1
    name = item.path.stem
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Server]:
    """The simulator in a process of its own."""
    with processes.simulator() as server:
        yield server


@pytest.fixture(scope="session")
def gateway(simulator: Server) -> Iterator[Server]:
    """A gateway with that simulator as its upstream; it forwards any model, with the settings in its name."""
    # A long grace and no rate limit: on a slow machine, viewers reconnect late, and all tests share one address.
    with processes.gateway("--upstream", f"{simulator.url}/v1", grace=60, rate_limit_per_minute=0) as server:
        yield server


@pytest.fixture(scope="session")
def plain_gateway() -> Iterator[Server]:
    """A gateway without any configuration."""
    with processes.gateway() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a redis-server for all tests; each uses a database or a prefix of its own."""
    with redis_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A Redis Cluster of three nodes for all tests; each uses a prefix of its own."""
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm package of the client, packed."""
    return pack(tmp_path_factory.mktemp("packed"))


@pytest.fixture
def count_closed_calls(simulator: Server) -> Callable[[], int]:
    """Return a function that counts the provider's calls that the gateway has closed since then."""
    url = f"{simulator.url}/stats"
    wait_until(lambda: read_json(url)["running"] == 0, lambda: read_json(url))
    before = read_json(url)["hung_up"]
    return lambda: int(read_json(url)["hung_up"]) - before


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def open_page(driver: Chrome) -> Iterator[Callable[[str], Page]]:
    """Open the demo page of a gateway; at the end, its console must have no unexpected messages."""
    opened: list[Page] = []

    def open_url(url: str) -> Page:
        page = Page(driver, url)
        opened.append(page)
        return page

    yield open_url
    for page in opened:
        page.reset()
        assert page.unexpected_messages() == []
    # A page that stays would write messages for the next one, when its gateway ends.
    driver.get("about:blank")


@pytest.fixture
def page(open_page: Callable[[str], Page], gateway: Server) -> Page:
    return open_page(gateway.url)


@pytest.fixture
def proxy(gateway: Server) -> Iterator[TcpProxy]:
    """A proxy of the gateway whose connections can be reset."""
    with TcpProxy(gateway.url) as proxy:
        yield proxy


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Process):
                report.sections.append((f"output of {name}", value.output))
    return report
