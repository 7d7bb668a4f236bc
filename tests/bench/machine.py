"""The machine that is measured on, and the versions of all programs."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from tests.bench.processes import CHECKOUT
from tests.bench.targets import EXPRESS, find_version


def machine() -> dict[str, str]:
    """Return a description of this machine."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def versions() -> dict[str, str]:
    """Return the versions of all programs that are involved."""
    found = {
        "dualstream": version("dualstream"),
        "commit": _commit(),
        "python": sys.version.split()[0],
        "uvloop": version("uvloop"),
        "uvicorn": version("uvicorn"),
        "node": find_version("node", "--version"),
        "express": _express(),
        "nginx": find_version("nginx", "-v"),
    }
    return {name: value for name, value in found.items() if value}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    head = CHECKOUT / ".git" / "HEAD"
    if not head.is_file():
        return ""
    name = head.read_text().strip().removeprefix("ref: ")
    file = CHECKOUT / ".git" / name
    return file.read_text().strip()[:7] if file.is_file() else name[:7]


def _express() -> str:
    file = EXPRESS / "node_modules" / "express" / "package.json"
    if not file.is_file():
        return ""
    line = next(line for line in file.read_text().splitlines() if '"version"' in line)
    return line.split('"')[3]
