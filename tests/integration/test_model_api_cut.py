"""A response that is cut, as Node's fetch sees it: all that was written arrives, and its end is an error."""

import asyncio
import shutil

import orjson
import pytest

from gateway.protocol.errors import Code, Failed
from tests.gateway.dialects.api_clients import CLIENTS, ApiClient
from tests.served.gateway import Served
from tests.served.viewers import until

READ = """
const [url, body] = process.argv.slice(1);
const response = await fetch(url, {method: "POST", headers: {"content-type": "application/json"}, body});
let text = "", end = "ended";
try {
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) text += piece;
} catch (error) {
  end = `${error.name}: ${error.message}`;
}
console.log(JSON.stringify({text, end}));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
@pytest.mark.parametrize("client", CLIENTS.values(), ids=list(CLIENTS))
@pytest.mark.parametrize("size", [10, 300_000], ids=["small", "large"])
async def test_fetch_gets_the_last_chunk_and_an_error(served: Served, client: ApiClient, size: int) -> None:
    url, body = served.url + client.path(True), orjson.dumps(client.body(True)).decode()
    node = await asyncio.create_subprocess_exec(
        *("node", "--input-type=module", "-e", READ, url, body), stdout=asyncio.subprocess.PIPE
    )
    await served.called()
    served.upstream.last.send("Xin ")
    await until(lambda: served.only.has_content)
    served.upstream.last.send("x" * size, "the last words")
    served.upstream.last.fail(Failed(Code.TRUNCATED, "It ended early."))
    output, _ = await node.communicate()
    read = orjson.loads(output)
    assert "the last words" in read["text"]
    assert read["end"] == "TypeError: terminated"
