"""The judge of the runs: it must notice what it tally."""

from tests.integration.replicas.transcript import EPOCH, JsonObject, Transcript

TEXT = "Once upon a time."


def transcript(*events: JsonObject) -> Transcript:
    result = Transcript(TEXT)
    for event in events:
        result.receive(event)
    return result


def chunk(seq: int, content: str) -> JsonObject:
    return {"seq": seq, "type": "chunk", "content": content}


ACCEPTED: JsonObject = {"seq": 1, "type": "accepted"}
START: JsonObject = {"seq": 2, "type": "start"}


def complete(seq: int) -> JsonObject:
    return {"seq": seq, "type": "complete"}


def lost(seq: int) -> JsonObject:
    return {"seq": seq, "type": "error", "code": "generation_lost"}


def test_a_whole_answer_has_no_problems() -> None:
    read = transcript(ACCEPTED, START, chunk(3, "Once "), chunk(6, "upon a time."), complete(7))
    assert read.is_whole
    assert read.problems() == []


def test_an_event_that_comes_again_is_a_double() -> None:
    read = transcript(ACCEPTED, START, chunk(3, "Once "), chunk(3, "Once "), chunk(4, "upon a time."), complete(5))
    assert read.is_whole
    assert len(read.doubles) == 1


def test_text_that_comes_again_under_new_numbers_is_a_double() -> None:
    read = transcript(ACCEPTED, START, chunk(3, "Once "), chunk(4, "Once "), complete(5))
    assert (len(read.doubles), read.holes) == (1, [])


def test_text_that_is_left_out_is_a_hole() -> None:
    read = transcript(ACCEPTED, START, chunk(3, "Once "), chunk(4, "a time."), complete(5))
    assert (read.doubles, len(read.holes)) == ([], 1)
    assert not read.is_whole


def test_an_event_that_is_left_out_is_a_hole() -> None:
    assert len(transcript(ACCEPTED, START, chunk(3, TEXT), complete(6)).holes) == 1


def test_an_end_is_needed_and_nothing_may_follow_it() -> None:
    assert transcript(ACCEPTED, START, chunk(3, TEXT)).problems() == ["no terminal event"]
    assert len(transcript(ACCEPTED, START, chunk(3, TEXT), complete(4), complete(5)).doubles) == 1


def test_a_complete_answer_needs_all_of_its_text() -> None:
    assert transcript(ACCEPTED, START, chunk(3, "Once "), complete(4)).problems() == [
        "complete with 5 of 17 characters"
    ]


def test_a_gap_replaces_the_text() -> None:
    gap: JsonObject = {"seq": 4, "type": "gap", "from": 5, "to": 4, "text": "Once "}
    read = transcript(ACCEPTED, START, chunk(3, "Once "), chunk(5, "upon a "), gap, lost(EPOCH + 1))
    assert (read.text, read.gaps, read.problems()) == ("Once ", 1, [])


def test_a_gap_must_have_the_beginning_of_the_text() -> None:
    gap: JsonObject = {"seq": 4, "type": "gap", "from": 5, "to": 4, "text": "Twice"}
    assert len(transcript(ACCEPTED, START, chunk(3, "Once "), gap).holes) == 1


def test_a_taken_over_generation_goes_on_at_the_next_epoch() -> None:
    assert transcript(ACCEPTED, START, chunk(3, "Once "), lost(EPOCH + 1)).problems() == []
    assert len(transcript(ACCEPTED, START, chunk(3, "Once "), lost(EPOCH + 2)).holes) == 1
