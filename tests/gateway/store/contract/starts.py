"""What rate buckets and idempotency keys must do."""

import asyncio
from dataclasses import replace

from gateway.admission.rate_limits import NO_SIZES, BucketSize, BucketSizes, Levels
from gateway.store.starts import ClaimedKey, LocalUse, Settlement, SettlementBatch, StartAttempt
from tests.gateway.store.contract.shared import SharedStore

KEEP = 60.0
SLOW = BucketSizes(BucketSize(0.001, 2), None)
"""Two starts, and no more while a test runs."""
TOKENS = BucketSizes(BucketSize(0.001, 10), BucketSize(60, 60))


def attempt(
    generation_id: str = "g1", key: str = "", body: bytes = b"1", sizes: BucketSizes = NO_SIZES
) -> StartAttempt:
    """Return a start of one principal."""
    return StartAttempt("p", generation_id, sizes, ClaimedKey(key, body) if key else None)


def batch(number: int, *settlements: Settlement, replica: str = "r1") -> SettlementBatch:
    """Return a batch of a gateway."""
    return SettlementBatch(replica, number, settlements)


class StartContract:
    """A subclass provides the fixture `shared`."""

    async def test_starts_are_counted(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        decisions = [await starts.begin(attempt(sizes=SLOW), KEEP) for _ in range(3)]
        assert [decision.outcome for decision in decisions] == ["admitted", "admitted", "limited"]
        left = [decision.levels.requests for decision in decisions]
        assert [round(level or 0, 2) for level in left] == [1, 0, 0]
        assert decisions[0].levels.tokens is None
        other = replace(attempt(sizes=SLOW), principal="q")
        assert (await starts.begin(other, KEEP)).outcome == "admitted"

    async def test_a_bucket_is_refilled(self, shared: SharedStore) -> None:
        starts, sizes = shared.first.starts, BucketSizes(BucketSize(60 / shared.unit, 1), None)
        assert (await starts.begin(attempt(sizes=sizes), KEEP)).outcome == "admitted"
        assert (await starts.begin(attempt(sizes=sizes), KEEP)).outcome == "limited"
        await shared.wait(1.5)
        decision = await starts.begin(attempt(sizes=sizes), KEEP)
        assert decision.outcome == "admitted"
        assert decision.levels.requests is not None
        assert -0.01 < decision.levels.requests < 0.7

    async def test_refunds_and_output_tokens(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        await starts.begin(attempt(sizes=SLOW), KEEP)
        await starts.settle(
            batch(1, Settlement("p", "g1", SLOW, requests=-1), Settlement("p", "g2", SLOW, requests=-1))
        )
        assert [(await starts.begin(attempt(sizes=SLOW), KEEP)).outcome for _ in range(3)][1:] == [
            "admitted",
            "limited",
        ]
        await starts.settle(batch(2, Settlement("t", "g1", TOKENS, tokens=1000)))
        decision = await starts.begin(replace(attempt(sizes=TOKENS), principal="t"), KEEP)
        assert decision.outcome == "limited"
        assert decision.levels.requests == 10
        assert decision.levels.tokens is not None
        assert -941 < decision.levels.tokens < -930

    async def test_a_batch_that_is_sent_again_counts_once(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        spent = [Settlement(principal, "g1", TOKENS, tokens=20) for principal in ("p", "p", "q")]
        for sent in (batch(1, *spent), batch(1, *spent), batch(1, *spent, replica="r2"), batch(2, *spent)):
            await starts.settle(sent)
        levels = {}
        for principal in ("p", "q"):
            decision = await starts.begin(replace(attempt(sizes=TOKENS), principal=principal), KEEP)
            levels[principal] = decision.levels.tokens or 0
        assert -60 <= levels["p"] < -50
        assert 0 <= levels["q"] < 10

    async def test_of_simultaneous_starts_no_more_than_the_burst_are_admitted(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        decisions = await asyncio.gather(*(starts.begin(attempt(f"g{n}", sizes=SLOW), KEEP) for n in range(20)))
        assert [decision.outcome for decision in decisions].count("admitted") == 2

    async def test_a_key_stands_for_one_generation(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        decisions = await asyncio.gather(*(starts.begin(attempt(f"g{n}", "k", sizes=SLOW), KEEP) for n in range(20)))
        (winner,) = [number for number, decision in enumerate(decisions) if decision.outcome == "admitted"]
        known = {decision.generation_id for decision in decisions if decision.outcome == "known"}
        assert known == {f"g{winner}"}
        assert (await starts.begin(attempt("g9", "k", b"2"), KEEP)).outcome == "conflict"
        assert (await starts.begin(attempt("g9", "other"), KEEP)).outcome == "admitted"
        assert (await starts.begin(replace(attempt("g9", "k"), principal="q"), KEEP)).outcome == "admitted"
        assert (await starts.begin(attempt(sizes=SLOW), KEEP)).outcome == "admitted"

    async def test_a_key_tells_its_age(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        await starts.begin(attempt("g1", "k"), KEEP)
        await shared.wait(1)
        assert shared.unit * 0.9 < (await starts.begin(attempt("g2", "k"), KEEP)).age < shared.unit * 5

    async def test_a_start_that_is_limited_leaves_its_key_new(self, shared: SharedStore) -> None:
        starts, sizes = shared.first.starts, BucketSizes(BucketSize(0.001, 1), None)
        await starts.begin(attempt(sizes=sizes), KEEP)
        assert (await starts.begin(attempt("g1", "k", sizes=sizes), KEEP)).outcome == "limited"
        assert (await starts.begin(attempt("g2", "k"), KEEP)).outcome == "admitted"

    async def test_a_key_is_new_for_one_of_those_who_know_that_its_generation_failed(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        await starts.begin(attempt("g1", "k"), KEEP)
        retries = [replace(attempt(f"r{number}", "k"), former="g1") for number in range(10)]
        decisions = await asyncio.gather(*(starts.begin(retry, KEEP) for retry in retries))
        assert [decision.outcome for decision in decisions].count("admitted") == 1
        assert (await starts.begin(replace(attempt("g9", "k", b"2"), former="g1"), KEEP)).outcome == "conflict"

    async def test_a_key_is_kept_as_long_as_its_generation(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        for key in ("ends", "goes", "stays"):
            await starts.begin(attempt(f"g-{key}", key), KEEP)
        await starts.settle(
            batch(
                1,
                Settlement("p", "g-ends", NO_SIZES, key="ends", keep=shared.unit),
                Settlement("p", "g-goes", NO_SIZES, key="goes", keep=0),
                Settlement("p", "g-other", NO_SIZES, key="stays", keep=0),
            )
        )
        assert (await starts.begin(attempt("g4", "ends"), KEEP)).outcome == "known"
        assert (await starts.begin(attempt("g5", "goes", b"2"), KEEP)).outcome == "admitted"
        assert (await starts.begin(attempt("g6", "stays"), KEEP)).outcome == "known"
        await shared.wait(2)
        assert (await starts.begin(attempt("g7", "ends", b"2"), KEEP)).outcome == "admitted"

    async def test_what_was_decided_without_the_store_is_merged(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        await starts.begin(attempt("g1", "mine", sizes=TOKENS), KEEP)
        claims = [(ClaimedKey("mine", b"2"), "l1"), (ClaimedKey("new", b"2"), "l2")]
        await starts.merge([LocalUse("p", TOKENS, Levels(1, -5), claims), LocalUse("q", SLOW, Levels(9, None))], KEEP)
        decision = await starts.begin(replace(attempt(sizes=TOKENS)), KEEP)
        assert decision.outcome == "limited"
        assert decision.levels.requests is not None
        assert 1 <= decision.levels.requests < 1.1
        assert (await starts.begin(attempt("g3", "new", b"2"), KEEP)).generation_id == "l2"
        assert (await starts.begin(attempt("g3", "mine"), KEEP)).generation_id == "g1"
        assert (await starts.begin(replace(attempt(sizes=SLOW), principal="q"), KEEP)).outcome == "admitted"

    async def test_equal_requests_that_run_elsewhere_are_returned(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        first = replace(attempt("g1", sizes=SLOW), digest=b"d", replica="r1")
        second = replace(first, generation_id="g2", replica="r2")
        assert (await starts.begin(first, KEEP)).outcome == "admitted"
        decision = await starts.begin(second, KEEP)
        assert (decision.outcome, dict(decision.equal)) == ("equal", {"g1": "r1"})
        assert (await starts.begin(replace(second, principal="q"), KEEP)).outcome == "admitted"
        assert (await starts.begin(replace(second, is_new=True), KEEP)).outcome == "admitted"
        assert (await starts.begin(first, KEEP)).equal == {"g1": "r1", "g2": "r2"}
        await starts.settle(batch(1, *(Settlement("p", name, NO_SIZES, digest=b"d") for name in ("g1", "g2"))))
        assert (await starts.begin(second, KEEP)).outcome == "limited"

    async def test_keys_and_principals_may_be_any_text(self, shared: SharedStore) -> None:
        starts = shared.first.starts
        for name in ("a", "{a}", "a}b", "é\n", "a:b", "\x00"):
            for key in ("{k}", "k:v", "\x00"):
                start = replace(attempt(f"{name}{key}", key), principal=name)
                assert (await starts.begin(start, KEEP)).outcome == "admitted"
                assert (await starts.begin(start, KEEP)).generation_id == f"{name}{key}"
