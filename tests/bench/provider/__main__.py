"""Run the provider: `python -m tests.bench.provider`. The first line that it prints holds its address."""

import argparse
import asyncio

import uvloop

from tests.bench.open_files import raise_open_files
from tests.bench.provider.server import Connection, Provider


def main() -> None:
    """Serve until a signal arrives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    port: int = parser.parse_args().port
    raise_open_files()
    uvloop.run(_serve(port))


async def _serve(port: int) -> None:
    provider = Provider()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(provider), "127.0.0.1", port, backlog=4096
    )
    print(f"The provider listens on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    main()
