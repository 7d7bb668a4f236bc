"""A gateway whose log has no reader: it answers as before, loses lines, counts them, and ends in time."""

import asyncio
import os
import signal
import subprocess
import sys

import aiohttp

PIPE_BYTES = 64 << 10
ANSWERS = 160
"""Each has about 740 bytes of lines: more than the pipe holds."""
SECONDS = 30.0


async def test_a_full_pipe_stops_nothing() -> None:
    read_end, write_end = os.pipe()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
        [sys.executable, "-m", "gateway", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=write_end,
        env={**variables, "DUALSTREAM_LOG_LEVEL": "debug", "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0"},
        text=True,
    )
    os.close(write_end)
    try:
        assert process.stdout is not None
        url = (await asyncio.to_thread(process.stdout.readline)).split()[-1]
        body = {"messages": [{"role": "user", "content": "Hello"}], "model": "sim-instant"}
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as http:
            for _ in range(ANSWERS):
                async with http.post(f"{url}/api/chat/stream", json=body) as response:
                    assert b"event: complete" in await response.read()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, SECONDS) == 0
        # More was logged than the pipe holds. It is full of whole lines: each of its pages has room for less than one.
        log = await asyncio.to_thread(_read, read_end)
        assert len(log) >= PIPE_BYTES * 3 // 4
        assert b" has started at " in log
    finally:
        process.kill()
        process.communicate()
        os.close(read_end)


def _read(file: int) -> bytes:
    parts = []
    while part := os.read(file, PIPE_BYTES):
        parts.append(part)
    return b"".join(parts)
