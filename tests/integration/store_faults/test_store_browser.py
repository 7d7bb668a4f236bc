"""A real `EventSource` whose gateway can't ask the store for its answer: it comes back until it gets all of it."""

from pathlib import Path

import aiohttp

from tests.integration.browser import chromium, wait_until
from tests.integration.processes import gateway
from tests.integration.store_faults.servers import redis_servers

OPEN = """
window.seen = {rejected: 0, text: "", end: ""};
const source = new EventSource(arguments[0]);
source.addEventListener("rejected", () => { seen.rejected += 1; });
source.addEventListener("message", (event) => { seen.text += JSON.parse(event.data).content; });
for (const end of ["complete", "error"]) {
  source.addEventListener(end, (event) => { if (event.data) { seen.end = end; source.close(); } });
}
"""
BODY = {"messages": [{"role": "user", "content": "Tell."}], "model": "sim?speed=200&length=300"}


async def test_an_event_source_comes_back_until_the_store_can_be_asked(tmp_path: Path) -> None:
    with (
        redis_servers(1) as (redis,),
        gateway(store=f"redis://127.0.0.1:{redis.port}") as first,
        gateway(store=f"redis://127.0.0.1:{redis.port}") as second,
        chromium(tmp_path) as browser,
    ):
        browser.get(f"{second.url}/health")
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{first.url}/api/generations", json=BODY) as response:
                generation_id = (await response.json())["id"]
            redis.freeze()
            try:
                browser.execute_script(OPEN, f"/api/generations/{generation_id}/events")
                wait_until(
                    lambda: browser.execute_script("return seen.rejected > 1"),
                    lambda: browser.execute_script("return seen"),
                )
            finally:
                redis.thaw()
            wait_until(lambda: browser.execute_script("return seen.end"), lambda: browser.execute_script("return seen"))
            async with http.get(f"{first.url}/api/generations/{generation_id}") as response:
                snapshot = await response.json()
        seen = browser.execute_script("return seen")
        assert (seen["end"], seen["text"]) == ("complete", snapshot["text"])
