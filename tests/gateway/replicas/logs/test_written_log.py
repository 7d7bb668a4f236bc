"""What the next batch of a log is."""

from gateway.replicas.logs.written_log import BATCH_BYTES, KEEP_SECONDS
from tests.gateway.replicas.written_logs import send, streaming, written


def test_adjacent_text_is_one_entry_that_keeps_all_positions() -> None:
    generation = streaming()
    send(generation, "a", "b", "c")
    log = written(generation)
    *_, last = log.next_batch()
    assert (last.first, last.last, last.text, list(last.ends)) == (3, 5, "abc", [1, 2, 3])
    log.stored = 4
    [rest] = log.next_batch()
    assert (rest.first, rest.last, rest.text) == (5, 5, "c")


def test_a_long_log_is_written_in_several_batches() -> None:
    generation = streaming()
    send(generation, *("x" * 1000 for _ in range(3000)))
    log, texts, sizes = written(generation), list[str](), list[int]()
    while log.is_dirty:
        batch = log.next_batch()
        sizes.append(sum(len(entry.data) for entry in batch))
        texts += [entry.text for entry in batch]
        log.stored = batch[-1].last
    assert 10 < len(sizes) < 14
    assert max(sizes) < BATCH_BYTES + 64 * 1024
    assert "".join(texts) == generation.log.text()


def test_how_long_it_is_kept() -> None:
    generation = streaming()
    log = written(generation)
    assert log.keep == KEEP_SECONDS
    generation.on_finished(1001.0)
    assert log.keep == 300
    log.is_deleted = True
    assert log.keep < 10


def test_a_note_after_the_end_makes_it_dirty() -> None:
    generation = streaming()
    log = written(generation)
    log.stored = generation.log.last
    assert not log.is_dirty
    log.details += 1
    assert log.is_dirty


def test_a_new_epoch_without_an_event_leaves_nothing_to_write() -> None:
    generation = streaming()
    send(generation, "a")
    log = written(generation)
    log.stored = generation.log.last
    generation.log.begin_epoch(1)
    was_dirty = log.is_dirty
    send(generation, "b")
    assert (was_dirty, log.is_dirty) == (False, True)
    [entry] = log.next_batch()
    assert (entry.last, entry.text) == (generation.log.last, "b")
