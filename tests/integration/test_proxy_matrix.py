from pathlib import Path

from tests.integration.proxies import PROXIES
from tests.integration.proxy_matrix import PAGE, TRANSPORTS, measure, table, table_of


async def test_the_page_tells_what_each_proxy_passes(tmp_path: Path) -> None:
    rows = await measure(tmp_path)
    assert len(rows) == len(PROXIES) * len(TRANSPORTS)
    assert table(rows) == table_of(PAGE.read_text("utf-8")), "run: make proxies"
