"""On which line a value begins, however the file is laid out."""

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.toml.lines import Lines
from gateway.toml.problems import Path

TEXT = '''# a comment with "quotes" and [brackets
port = 1

[models.chat]   # [[
routing = "weighted"
price = { input = 1, output = 2 }
names = [
  "a",  # ]
  'b]',
  [1,
   2],
  """
  lines ]
  """, "d",
  { x = 1, y = [
    3,
  ] },
]

[[models.chat.upstreams]]
provider = "a"
[[models.chat.upstreams]]
provider = "b"
price.input = 3
text = \'\'\'
x = 1
\'\'\'
last = true
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("port",), 2),
        (("models",), 4),
        (("models", "chat"), 4),
        (("models", "chat", "routing"), 5),
        (("models", "chat", "price", "output"), 6),
        (("models", "chat", "price", "cached"), 6),
        (("models", "chat", "names"), 7),
        (("models", "chat", "names", 0), 8),
        (("models", "chat", "names", 1), 9),
        (("models", "chat", "names", 2, 1), 11),
        (("models", "chat", "names", 3), 12),
        (("models", "chat", "names", 4), 14),
        (("models", "chat", "names", 5), 15),
        (("models", "chat", "names", 5, "y", 0), 16),
        (("models", "chat", "upstreams", 0), 20),
        (("models", "chat", "upstreams", 1), 22),
        (("models", "chat", "upstreams", 1, "price", "input"), 24),
        (("models", "chat", "upstreams", 1, "text"), 25),
        (("models", "chat", "upstreams", 1, "last"), 28),
        (("models", "chat", "upstreams", 1, "weight"), 22),
        (("models", "chat", "upstreams", 7, "weight"), 20),
        (("nothing",), None),
        ((), None),
    ],
)
def test_a_value_is_found_or_what_is_above_it(path: Path, line: int | None) -> None:
    assert Lines(TEXT).line_of(path) == line


@dataclass
class Written:
    """A file, and where each value was written."""

    lines: list[str] = field(default_factory=list)
    places: dict[Path, int] = field(default_factory=dict)

    def add(self, text: str, *paths: Path) -> None:
        self.lines.append(text)
        self.places |= {path: len(self.lines) for path in paths}


SCALARS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.sampled_from(['"[x] # no"', "'{\"'", '"""one line"""', '"\\""', "1979-05-27", "inf", '""', "''"]),
)
NOISE = st.lists(st.sampled_from(["", "# x = [", '# """', "  # '''"]), max_size=2)


def noise(draw: st.DrawFn, written: Written) -> None:
    for line in draw(NOISE):
        written.add(line)


def write(draw: st.DrawFn, written: Written, key: str, path: Path) -> None:
    noise(draw, written)
    match draw(st.integers(0, 3)):
        case 0:
            written.add(f"{key} = {draw(SCALARS)}", path)
        case 1:
            written.add(f"{key} = {{ a = {draw(SCALARS)}, b = 2 }}", path, (*path, "a"), (*path, "b"))
        case 2:
            written.add(f"{key} = [ # ]", path)
            for at in range(draw(st.integers(1, 3))):
                noise(draw, written)
                written.add(f"  {{ a = {draw(SCALARS)} }},", (*path, at), (*path, at, "a"))
            written.add("]")
        case _:
            written.add(f'{key} = """', path)
            written.lines.extend(["]", "x = 1", '"""'])


@st.composite
def files(draw: st.DrawFn) -> Written:
    """Write tables whose values take one line or several."""
    written = Written()
    for top in range(draw(st.integers(0, 2))):
        write(draw, written, f"top{top}", (f"top{top}",))
    for table in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(["plain", "with space", "gpt-4.1"])) + str(table)
        noise(draw, written)
        written.add(f"[models.{json.dumps(name)}]", ("models", name))
        for key in range(draw(st.integers(0, 3))):
            write(draw, written, f"key{key}", ("models", name, f"key{key}"))
    for at in range(draw(st.integers(0, 3))):
        written.add("[[many]]", ("many", at))
        write(draw, written, "value", ("many", at, "value"))
    return written


@given(files(), st.data())
def test_whatever_is_planted_is_found_on_its_line(written: Written, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(written.places, key=str)))
    assert Lines("\n".join(written.lines)).line_of(path) == written.places[path]
