"""The faults: each breaks the store of a site, waits, and repairs it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.integration.store_faults.site import Site

Act = Callable[[Site], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. `takes_over`: the second gateway takes over what runs on the first."""

    name: str
    what: str
    act: Act
    takes_over: bool = False


async def restart_with_data(site: Site) -> None:
    await asyncio.to_thread(site.redis.stop)
    await asyncio.sleep(site.seconds)
    await asyncio.to_thread(site.redis.start)


async def restart_empty(site: Site) -> None:
    await asyncio.to_thread(site.redis.stop)
    await asyncio.sleep(site.seconds)
    site.redis.erase()
    await asyncio.to_thread(site.redis.start)


async def pause_clients(site: Site) -> None:
    await site.redis.run("CLIENT", "PAUSE", str(int(site.seconds * 1000)), "ALL")
    await asyncio.sleep(site.seconds)


async def stop_process(site: Site) -> None:
    site.redis.freeze()
    try:
        await asyncio.sleep(site.seconds)
    finally:
        site.redis.thaw()


async def fill_up(site: Site) -> None:
    await site.redis.run("CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction")
    await asyncio.sleep(site.seconds)
    await site.redis.run("CONFIG", "SET", "maxmemory", "0")


async def fail_over(site: Site) -> None:
    """Promote the replica; the former primary is its replica from then on, until the links lead to the new one."""
    await site.spare.run("REPLICAOF", "NO", "ONE")
    await site.redis.run("REPLICAOF", "127.0.0.1", str(site.spare.port))
    await asyncio.sleep(site.seconds)
    for link in site.links:
        link.switch(site.spare.port)


async def reset_connections(site: Site) -> None:
    for _ in range(max(1, int(site.seconds / 0.5))):
        for link in site.links:
            link.reset()
        await asyncio.sleep(0.5)


async def cut_off_in_the_middle(site: Site) -> None:
    for _ in range(max(1, int(site.seconds / 0.25))):
        for link in site.links:
            link.cut_after = 50
        await asyncio.sleep(0.25)
    for link in site.links:
        link.cut_after = None


async def black_hole(site: Site) -> None:
    for link in site.links:
        link.freeze()
    await asyncio.sleep(site.seconds)
    for link in site.links:
        link.thaw()


async def break_half(site: Site) -> None:
    for link in site.links:
        link.break_half()
    await asyncio.sleep(site.seconds)


async def slow_down(site: Site) -> None:
    for link in site.links:
        link.delay = 0.1
    await asyncio.sleep(site.seconds)
    for link in site.links:
        link.delay = 0.0


async def set_password(site: Site) -> None:
    await site.redis.run("CONFIG", "SET", "requirepass", "another")
    for link in site.links:
        link.reset()
    await asyncio.sleep(site.seconds)
    await site.redis.run("CONFIG", "SET", "requirepass", "", password="another")


async def cut_off_briefly(site: Site) -> None:
    """Cut the first gateway off, for less than its lease."""
    await _cut_off(site, site.lease / 3)


async def cut_off_for_long(site: Site) -> None:
    """Cut the first gateway off, until the other one has taken its generations over."""
    await _cut_off(site, 2.5 * site.lease + 1)


async def _cut_off(site: Site, seconds: float) -> None:
    site.links[0].freeze()
    await asyncio.sleep(seconds)
    site.links[0].thaw()


FAULTS = (
    Fault("restarted", "Redis is stopped and started again with its data", restart_with_data),
    Fault("emptied", "Redis is stopped and started again without data", restart_empty),
    Fault("paused", "`CLIENT PAUSE … ALL`", pause_clients),
    Fault("stopped", "the process of Redis gets SIGSTOP, then SIGCONT", stop_process),
    Fault("full", "`maxmemory` is exceeded, with `noeviction`; then it is raised", fill_up),
    Fault("read-only", "a replica is promoted: its address leads to the former primary, then to it", fail_over),
    Fault("reset", "all connections are reset, every 0.5 s", reset_connections),
    Fault("cut", "connections are reset in the middle of commands and replies", cut_off_in_the_middle),
    Fault("black hole", "the network carries nothing and closes nothing", black_hole),
    Fault("half-open", "Redis has closed all connections, and the gateways do not know", break_half),
    Fault("slow", "each command takes 200 ms more", slow_down),
    Fault("password", "Redis requires another password; then the former one again", set_password),
    Fault("A cut off briefly", "A alone can't reach Redis, for a third of its lease", cut_off_briefly),
    Fault("A cut off", "A alone can't reach Redis, until B has taken over", cut_off_for_long, takes_over=True),
)
