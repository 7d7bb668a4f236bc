"""All scenarios, by their kind; the page has a table for each."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.integration.faults import crowd, machine, operation
from tests.integration.faults.scenario import Run

SCENARIOS: Final[Mapping[str, Sequence[Run]]] = {
    "The machine": (machine.paused, machine.out_of_files, machine.names_that_hang, machine.clock_set_back),
    "Clients": (
        crowd.large_prompts,
        crowd.leave_the_queue,
        crowd.commands_before_a_close,
        crowd.breaks_and_heals,
    ),
    "Operators": (
        operation.reloaded_twice,
        operation.reloaded_during_the_start,
        operation.streams_that_take_nothing,
    ),
}
