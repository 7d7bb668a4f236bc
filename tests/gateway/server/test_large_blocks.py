"""Large blocks are returned to the system."""

import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
from gateway.server.large_blocks import return_large_blocks

def resident():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024

return_large_blocks()
before, kept = resident(), []
for _ in range(20):
    block = bytes(16 << 20)
    kept.append(bytes(b"x") * (2 << 20))
    del block
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_blocks_that_are_freed_leave_no_holes() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert float(result.stdout) < 60
