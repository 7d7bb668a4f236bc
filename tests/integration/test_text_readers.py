"""Readers that know nothing but text, unmodified, on `/api/chat/text`."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.npm import node22, npm_set
from tests.integration.processes import Server

SCRIPT = """
import { EventSource as Npm } from "eventsource";
import { EventSource as Undici } from "undici";

const [url, name] = process.argv.slice(2);
const EventSource = { eventsource: Npm, undici: Undici }[name];
const read = (query) => new Promise((resolve) => {
  const source = new EventSource(`${url}/api/chat/text?${query}`);
  const end = (why) => { source.close(); resolve([text, why]); };
  let text = "";
  source.onmessage = ({ data }) => { text += JSON.parse(data).content; };
  source.addEventListener("complete", () => end("complete"));
  source.onerror = () => { if (source.readyState === 2) end("closed for good"); };
});
console.log(JSON.stringify([await read("model=sim-instant&prompt=Why"), await read("model=gpt-9&prompt=Why")]));
"""


@pytest.mark.parametrize("reader", ["eventsource", "undici"])
def test_an_event_source_reads_the_text_and_stops_at_a_refusal(
    plain_gateway: Server, tmp_path: Path, reader: str
) -> None:
    npm_set("event_sources").link_into(tmp_path)
    script = tmp_path / "read.mjs"
    script.write_text(SCRIPT, "utf-8")
    command = [node22(), "--no-warnings", str(script), plain_gateway.url, reader]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    (text, end), refused = json.loads(done.stdout)
    assert "Why" in text
    assert "undefined" not in text
    assert (end, refused) == ("complete", ["", "closed for good"])
