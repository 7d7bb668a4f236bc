"""Which failed calls may be billed: the table of docs/reference/providers.md."""

import pytest

from gateway.upstreams.errors.billable import may_be_billed


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 425, 429, 498])
def test_a_refusal_costs_nothing(status: int) -> None:
    assert not may_be_billed(status)


@pytest.mark.parametrize("status", [501, 503, 521, 523, 525, 526, 529])
def test_nor_does_a_request_that_was_not_taken(status: int) -> None:
    assert not may_be_billed(status)


@pytest.mark.parametrize("status", [408, 424, 499, 500, 502, 504, 520, 522, 524, 599])
def test_an_error_after_the_request_was_taken_may_cost_something(status: int) -> None:
    assert may_be_billed(status)


def test_a_success_that_can_not_be_read_may_cost_something() -> None:
    assert may_be_billed(200)
