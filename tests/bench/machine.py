"""The machine that is measured on, and the versions of all programs."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.bench.processes import CHECKOUT
from tests.bench.servers import EXPRESS, find_litellm, find_version


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
        "litellm": _litellm(),
        "redis": find_version("redis-server", "--version"),
    }
    return {name: value for name, value in found.items() if value}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _litellm() -> str:
    """Return its version by the name of its metadata: the program itself takes seconds to tell it."""
    program = find_litellm()
    if not program:
        return ""
    folders = Path(program).parents[1].glob("lib/python*/site-packages/litellm-*.dist-info")
    return next((folder.name.split("-")[1].removesuffix(".dist") for folder in folders), "")


def _express() -> str:
    file = EXPRESS / "node_modules" / "express" / "package.json"
    if not file.is_file():
        return ""
    line = next(line for line in file.read_text().splitlines() if '"version"' in line)
    return line.split('"')[3]
