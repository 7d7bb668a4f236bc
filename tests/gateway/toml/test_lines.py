"""The line on which a value begins, for every layout of a file."""

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
def test_a_value_or_its_nearest_parent_is_found(path: Path, line: int | None) -> None:
    assert Lines(TEXT).line_of(path) == line


@dataclass
class GeneratedFile:
    """A generated file, and the line of each of its values."""

    lines: list[str] = field(default_factory=list)
    line_of: dict[Path, int] = field(default_factory=dict)

    def add(self, text: str, *paths: Path) -> None:
        self.lines.append(text)
        self.line_of |= {path: len(self.lines) for path in paths}


SCALARS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.sampled_from(['"[x] # no"', "'{\"'", '"""one line"""', '"\\""', "1979-05-27", "inf", '""', "''"]),
)
NOISE = st.lists(st.sampled_from(["", "# x = [", '# """', "  # '''"]), max_size=2)


def noise(draw: st.DrawFn, generated: GeneratedFile) -> None:
    for line in draw(NOISE):
        generated.add(line)


def write(draw: st.DrawFn, generated: GeneratedFile, key: str, path: Path) -> None:
    noise(draw, generated)
    match draw(st.integers(0, 3)):
        case 0:
            generated.add(f"{key} = {draw(SCALARS)}", path)
        case 1:
            generated.add(f"{key} = {{ a = {draw(SCALARS)}, b = 2 }}", path, (*path, "a"), (*path, "b"))
        case 2:
            generated.add(f"{key} = [ # ]", path)
            for at in range(draw(st.integers(1, 3))):
                noise(draw, generated)
                generated.add(f"  {{ a = {draw(SCALARS)} }},", (*path, at), (*path, at, "a"))
            generated.add("]")
        case _:
            generated.add(f'{key} = """', path)
            generated.lines.extend(["]", "x = 1", '"""'])


@st.composite
def files(draw: st.DrawFn) -> GeneratedFile:
    """Generate tables whose values take one line or several."""
    generated = GeneratedFile()
    for top in range(draw(st.integers(0, 2))):
        write(draw, generated, f"top{top}", (f"top{top}",))
    for table in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(["plain", "with space", "gpt-4.1"])) + str(table)
        noise(draw, generated)
        generated.add(f"[models.{json.dumps(name)}]", ("models", name))
        for key in range(draw(st.integers(0, 3))):
            write(draw, generated, f"key{key}", ("models", name, f"key{key}"))
    for at in range(draw(st.integers(0, 3))):
        generated.add("[[many]]", ("many", at))
        write(draw, generated, "value", ("many", at, "value"))
    return generated


@given(files(), st.data())
def test_every_generated_value_is_found_on_its_line(generated: GeneratedFile, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(generated.line_of, key=str)))
    assert Lines("\n".join(generated.lines)).line_of(path) == generated.line_of[path]
