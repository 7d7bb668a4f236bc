"""The names of `import dualstream`."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import dualstream
import pytest

import gateway.client
from gateway.protocol import errors, events

ROOT = Path(__file__).parents[3]
SERVER_PACKAGES = {"pydantic", "pydantic_core", "starlette", "uvicorn", "uvloop", "websockets", "jwt", "rich"}


def test_its_classes_are_those_of_the_client_and_the_protocol() -> None:
    assert dualstream.AsyncClient is gateway.client.AsyncClient is gateway.client.Client
    assert dualstream.AsyncAnswer is gateway.client.Answer
    assert dualstream.Refused is errors.Refused
    assert all(getattr(dualstream, kind.__name__) is kind for kind in get_args(events.Event))
    assert [*dualstream.__all__] == sorted(dualstream.__all__)
    assert all(hasattr(dualstream, name) for name in dualstream.__all__)


@pytest.mark.parametrize("error", [dualstream.Refused, dualstream.Failed])
def test_errors_have_one_root(error: type[dualstream.GatewayError]) -> None:
    assert issubclass(error, dualstream.GatewayError)


def test_importing_it_loads_no_package_of_the_server() -> None:
    folders = [str(ROOT), str(ROOT / "gateway/client/top_level")]
    script = f"import sys; sys.path[:0] = {folders}; import dualstream; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not SERVER_PACKAGES & {name.partition(".")[0] for name in loaded}
    assert {name for name in loaded if name.startswith("gateway.")} == {
        name for name in loaded if name.startswith(("gateway.client", "gateway.protocol"))
    }
