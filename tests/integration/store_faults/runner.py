"""Run faults one after the other, on one or several pairs of gateways."""

import asyncio
from collections.abc import Mapping, Sequence

from tests.integration.store_faults.faults import FAULTS, Fault, fail_over
from tests.integration.store_faults.run import Report, run
from tests.integration.store_faults.site import Site, site


async def run_all(seconds: float, names: Sequence[str] = (), lanes: int = 1, **settings: object) -> list[Report]:
    """Run the faults of these names, or all; each lasts `seconds`. Each lane is a pair of gateways of its own."""
    chosen = [fault for fault in FAULTS if not names or fault.name in names]
    reports = await asyncio.gather(*(_run_lane(chosen[lane::lanes], seconds, settings) for lane in range(lanes)))
    by_name = {report.fault.name: report for found in reports for report in found}
    return [by_name[fault.name] for fault in chosen]


async def _run_lane(faults: Sequence[Fault], seconds: float, settings: Mapping[str, object]) -> list[Report]:
    reports = list[Report]()
    async with site(seconds, settings) as found:
        for fault in faults:
            await _prepare(found, with_replica=fault.act is fail_over)
            reports.append(await run(found, fault))
    return reports


async def _prepare(found: Site, *, with_replica: bool) -> None:
    """Lead both links to a server without faults, and give it a replica if the fault needs one."""
    await found.redis.run("REPLICAOF", "NO", "ONE")
    if found.links[0].target != found.redis.port:
        for link in found.links:
            link.switch(found.redis.port)
    if with_replica:
        await found.spare.run("REPLICAOF", "127.0.0.1", str(found.redis.port))
    await found.until_up()
