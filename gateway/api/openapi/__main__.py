"""`make openapi`: write the OpenAPI document to a file."""

import sys
from importlib.metadata import version
from pathlib import Path

import orjson

from gateway.api.openapi.document import document

if __name__ == "__main__":
    text = orjson.dumps(document(version("dualstream")), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    Path(sys.argv[1]).write_bytes(text)
