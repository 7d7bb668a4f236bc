"""Lines from pipes and files."""

import asyncio
import os
from pathlib import Path

from gateway.cli.chat.line_reader import LineReader


async def test_lines_arrive_in_any_pieces_and_the_last_needs_no_line_end() -> None:
    read_end, write_end = os.pipe()
    lines = LineReader(read_end)
    os.write(write_end, "chà".encode()[:-1])
    waiting = asyncio.create_task(lines.next())
    await asyncio.wait([waiting], timeout=0)
    os.write(write_end, "chà".encode()[-1:] + b"o\r\n\nlast")
    assert await waiting == "chào"
    os.close(write_end)
    assert [await lines.next() for _ in range(4)] == ["", "last", None, None]
    os.close(read_end)


async def test_a_cancelled_wait_loses_no_line() -> None:
    read_end, write_end = os.pipe()
    lines = LineReader(read_end)
    waiting = asyncio.create_task(lines.next())
    await asyncio.wait([waiting], timeout=0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not asyncio.get_running_loop().remove_reader(read_end)
    os.write(write_end, b"one\n")
    assert await lines.next() == "one"
    os.close(write_end)
    os.close(read_end)


async def test_a_regular_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "questions"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"one\ntwo\n")
    os.lseek(descriptor, 0, os.SEEK_SET)
    lines = LineReader(descriptor)
    assert [await lines.next() for _ in range(3)] == ["one", "two", None]
    os.close(descriptor)
