"""Circuit breakers and pauses of providers, as gateways tell each other."""

from gateway.protocol.errors import Code, Failed
from gateway.replicas.limits.circuits import CLOSED_SECONDS, Circuits, targets_by_name
from gateway.replicas.membership.info import ReplicaInfo, decode_info, encode_info
from gateway.routing.breaker import Breaker, Circuit
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from tests.scripted_upstream import ScriptedUpstream

DOWN = Failed(Code.SERVER_ERROR, "down")


class Gateway:
    """A gateway with one target, which tells with each exchange what it knows."""

    def __init__(self, threshold: int = 2) -> None:
        self.target = Target(ScriptedUpstream(), breaker=Breaker(threshold, cooldown=10))
        self.circuits = Circuits(lambda: ModelRegistry([Model("m", [self.target], Policy())]))

    def call(self, failure: Failed | None, now: float) -> None:
        probe = self.target.breaker.admit(now)
        self.target.breaker.record(failure, now, answered=failure is None, probe=probe)

    def fail(self, now: float) -> None:
        for _ in range(2):
            self.call(DOWN, now)

    def circuit(self, now: float) -> Circuit:
        return self.target.breaker.circuit(now)


def exchange(now: float, *gateways: Gateway) -> None:
    """Renew each lease, and read what the others have reported."""
    infos = {str(number): encode_info(gateway.circuits.report(now)) for number, gateway in enumerate(gateways)}
    for number, gateway in enumerate(gateways):
        others = {name: decode_info(data) for name, data in infos.items() if name != str(number)}
        gateway.circuits.apply(others, now)


def test_a_circuit_that_opens_is_open_everywhere_and_closes_everywhere() -> None:
    first, second, third = Gateway(), Gateway(), Gateway()
    first.fail(0)
    exchange(1, first, second, third)
    assert {gateway.circuit(9.9) for gateway in (second, third)} == {Circuit.OPEN}
    assert second.circuit(10) is Circuit.HALF_OPEN
    # Each gateway has a probe of its own; the first that succeeds closes all.
    second.call(None, 10)
    exchange(11, first, second, third)
    assert {gateway.circuit(11) for gateway in (first, second, third)} == {Circuit.CLOSED}


def test_a_probe_that_fails_elsewhere_prolongs_the_cooldown() -> None:
    first, second = Gateway(), Gateway()
    first.fail(0)
    exchange(0, first, second)
    second.call(DOWN, 10)
    exchange(11, first, second)
    assert (first.circuit(29), first.circuit(30)) == (Circuit.OPEN, Circuit.HALF_OPEN)


def test_what_is_newer_counts() -> None:
    first, second = Gateway(), Gateway()
    first.fail(0)
    exchange(1, first, second)
    for now in range(2, 10):
        exchange(now, first, second)
    second.call(None, 10)
    # The first still tells that it is open: it has not read yet that the second has closed it.
    second.circuits.apply({"0": first.circuits.report(10.5)}, 10.5)
    assert second.circuit(10.5) is Circuit.CLOSED
    exchange(11, first, second)
    assert first.circuit(11) is Circuit.CLOSED


def test_a_finding_of_another_is_not_told_again() -> None:
    first, second = Gateway(), Gateway()
    first.fail(0)
    exchange(1, first, second)
    assert second.circuits.report(2) == ReplicaInfo()
    second.circuits.apply({}, 2)
    assert second.circuit(9) is Circuit.OPEN


def test_one_that_joins_learns_what_is_open() -> None:
    first = Gateway()
    first.fail(0)
    exchange(3, first)
    late = Gateway()
    exchange(4, first, late)
    assert (late.circuit(9), late.circuit(10)) == (Circuit.OPEN, Circuit.HALF_OPEN)
    exchange(5, first, late, Gateway(threshold=0))


def test_it_is_told_for_a_while_that_a_circuit_has_closed() -> None:
    first = Gateway()
    first.fail(0)
    first.circuits.report(0)
    first.call(None, 10)
    assert first.circuits.report(10).circuits["m/scripted/"].open_for is None
    assert first.circuits.report(10 + CLOSED_SECONDS) == ReplicaInfo()


def test_a_pause_that_a_provider_asks_for_holds_everywhere() -> None:
    first, second, third = Gateway(), Gateway(), Gateway()
    first.target.cooldown_until = 30
    exchange(1, first, second, third)
    assert second.target.cooldown_until == third.target.cooldown_until == 30
    assert second.circuits.report(2) == ReplicaInfo()
    # One that is asked again tells it itself.
    second.target.cooldown_until = 40
    exchange(3, first, second, third)
    assert first.target.cooldown_until == 40
    assert first.circuits.report(41) == ReplicaInfo()


def test_targets_of_the_same_name_are_told_apart() -> None:
    twins = [Target(ScriptedUpstream()), Target(ScriptedUpstream())]
    models = ModelRegistry([Model("m", twins, Policy())], unlisted_targets=[Target(ScriptedUpstream())])
    assert len(targets_by_name(models)) == 3


def test_what_can_not_be_read_is_ignored() -> None:
    assert decode_info(b"") == decode_info(b'{"circuits": 1}') == decode_info(b'{"newer": 1}') == ReplicaInfo()
