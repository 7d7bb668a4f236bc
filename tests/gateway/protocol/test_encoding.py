"""What is kept takes no more memory than its size."""

import tracemalloc

import orjson

from gateway.protocol.encoding import encode_kept


def test_the_bytes_keep_no_buffer() -> None:
    count = 100
    tracemalloc.start()
    try:
        kept = [encode_kept({"name": number}) for number in range(count)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert orjson.loads(kept[7]) == {"name": 7}
    assert held < count * 200
