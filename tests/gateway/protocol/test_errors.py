"""Error codes, and refusals as data."""

import copy
import pickle

from gateway.protocol.errors import CODES, Code, Failed, Refused, UnsupportedOption, forbidden, lost, out_of_scope


def test_every_code_has_a_status_and_a_close_code() -> None:
    assert set(CODES) == set(Code)
    for info in CODES.values():
        assert 400 <= info.status < 600
        # 1000 to 4999: RFC 6455, 7.4; 1005, 1006 and 1015 are never sent.
        assert info.close_code in range(1008, 1014) or 4000 <= info.close_code < 5000


def test_a_refusal_has_the_status_and_retryability_of_its_code() -> None:
    refused = Refused(Code.RATE_LIMIT, "Too many.", param="p", retry_after_ms=7)
    assert (refused.status, refused.retryable) == (429, True)
    assert refused.body() == {
        "error": {"code": "rate_limit", "message": "Too many.", "retryable": True, "retry_after_ms": 7, "param": "p"}
    }
    assert Refused(Code.RATE_LIMIT, "Too many.", status=418).status == 418


def test_a_failure_may_override_the_retryability_of_its_code() -> None:
    assert Failed(Code.TIMEOUT, "Late.").retryable
    assert not Failed(Code.TIMEOUT, "Late.", retryable=False).retryable
    assert not UnsupportedOption("No seed.").retryable


def test_refusals_name_the_field_to_change() -> None:
    assert (lost("g" * 1000).param, out_of_scope().param, forbidden("observe").param) == (
        "generation_id",
        "ticket",
        "Authorization",
    )
    assert len(lost("g" * 1000).message) < 200


def test_an_error_can_be_pickled_and_copied() -> None:
    refused = Refused(Code.RATE_LIMIT, "Too many.", param="p", status=418, retry_after_ms=7)
    failed = Failed(Code.TIMEOUT, "Late.", retryable=False)
    for error in (refused, failed, UnsupportedOption("No seed.", "seed")):
        for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
