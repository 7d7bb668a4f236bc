"""All scenarios, by their kind; the page has a table for each."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.integration.faults import machine, many_clients, operation
from tests.integration.faults.scenario import Run

SCENARIOS: Final[Mapping[str, Sequence[Run]]] = {
    "The machine": (machine.paused, machine.out_of_files, machine.names_that_hang, machine.clock_set_back),
    "Clients": (
        many_clients.large_prompts,
        many_clients.leave_the_queue,
        many_clients.commands_before_a_close,
        many_clients.breaks_and_heals,
    ),
    "Operators": (
        operation.reloaded_twice,
        operation.reloaded_during_the_start,
        operation.streams_that_take_nothing,
    ),
}
