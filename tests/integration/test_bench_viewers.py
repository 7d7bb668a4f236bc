"""`make viewers` with a few viewers: its processes, and nothing lost or twice. No assertion compares a time."""

import json
from pathlib import Path

from tests.bench.viewers.__main__ import main


def test_every_viewer_gets_everything(tmp_path: Path) -> None:
    file = tmp_path / "viewers.json"
    options = ["--quick", "--viewers", "100", "--json", str(file)]
    assert main([*options, "--scenario", "own", "--only", "websocket"]) == 0
    own = json.loads(file.read_text())["figures"]["own"]["websocket"]
    assert main([*options, "--scenario", "fan-out", "--only", "sse"]) == 0
    fan_out = json.loads(file.read_text())["figures"]["fan-out"]["sse"]
    assert own["viewers"] == fan_out["viewers"] == 100
    assert "interrupt_p99_ms" in own
    assert fan_out["events"] >= 100
