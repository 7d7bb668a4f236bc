"""The TypeScript declarations of the client: strict, and equal to the protocol and to what the code accepts."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Final, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code
from gateway.protocol.events import Event, Gap, Metrics, Part, Reasoning, SignedReasoning, Usage
from gateway.protocol.options import OptionFields
from tests.integration.javascript.project import PACKAGE, Project
from tests.integration.processes import CHECKOUT, program

PROTOCOL: Final = (CHECKOUT / "docs" / "reference" / "protocol.md").read_text("utf-8")
BASE: Final = {"type", "generation_id", "seq"}
EQUAL: Final = (
    "type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;\n"
)
SOURCE_NAMES: Final = ("right.ts", "wrong.ts", "component.tsx")
NARROWER: Final = {
    "ErrorEvent.code": "ErrorCode",
    "RetryEvent.code": "ErrorCode",
    "CompleteEvent.finish_reason": "FinishReason | null",
}
"""Fields that are texts in the gateway, and declared more exactly."""

REPORT = """
import * as client from "dualstream";
import { NAMES } from "PACKAGE/options.js";

const answer = new client.Dualstream({ baseURL: "http://127.0.0.1:9" }).attach("g_1");
answer.detach();
const conversation = new client.Conversation(new client.Dualstream());
const members = (object) => {
  const own = Object.keys(object);
  const inherited = [];
  for (let at = Object.getPrototypeOf(object); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    inherited.push(...Object.getOwnPropertyNames(at).filter((name) => name !== "constructor"));
  }
  return [...own, ...inherited];
};
const objects = {
  Answer: answer,
  Conversation: conversation,
  ConversationState: conversation.state,
  Dualstream: new client.Dualstream(),
  EventStreamDecoder: new client.EventStreamDecoder(),
};
console.log(JSON.stringify({
  exports: Object.keys(client),
  transports: client.TRANSPORTS,
  names: NAMES,
  members: Object.fromEntries(Object.entries(objects).map(([name, object]) => [name, members(object)])),
}));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Project:
    project = Project(tmp_path_factory.mktemp("project"), archive)
    project.link("bundling")
    return project


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_right_uses_compile_and_wrong_ones_do_not(project: Project, resolution: str) -> None:
    expected: dict[tuple[str, int], str] = {}
    for name in SOURCE_NAMES:
        for number, line in enumerate(project.copy(name).read_text("utf-8").splitlines(), start=1):
            if "// error: " in line:
                expected[name, number] = line.partition("// error: ")[2]
    found: dict[tuple[str, int], str] = {}
    place = ("", 0)
    for line in project.compile(*SOURCE_NAMES, resolution=resolution):
        if match := re.match(r"([\w.]+)\((\d+),\d+\): error ", line):
            place = (match.group(1), int(match.group(2)))
            assert place in expected, line
        found[place] = found.get(place, "") + line
    assert found.keys() == expected.keys()
    for place, message in expected.items():
        assert message in found[place]


def test_the_declared_events_are_those_of_the_protocol(project: Project) -> None:
    checks = [EQUAL, "import type * as d from 'dualstream';\n"]

    def check(name: str, actual: str, expected: str) -> None:
        checks.append(f"export const _{len(checks)}: Equal<{actual}, {expected}> = true; // {name}\n")

    documented = dict(_documented_events())
    for kind in get_args(Event):
        if kind in {Part, SignedReasoning}:
            continue
        declared = f"{''.join(word.title() for word in kind.type.split('_'))}Event"
        types = dict(_fields_of(kind))
        assert documented[kind.type] == types.keys() - BASE, kind.type
        check(kind.type, f'Extract<d.GenerationEvent, {{ type: "{kind.type}" }}>', f"d.{declared}")
        check(kind.type, f"keyof d.{declared}", _union(types.keys() | BASE))
        for field, expected in types.items():
            check(f"{declared}.{field}", f'd.{declared}["{field}"]', NARROWER.get(f"{declared}.{field}", expected))
    for kind in (Usage, Metrics):
        types = {name: _typescript(hint) for name, hint in get_type_hints(kind).items()}
        check(kind.__name__, f"keyof d.{kind.__name__}", _union(types.keys()))
        for field, expected in types.items():
            check(f"{kind.__name__}.{field}", f'd.{kind.__name__}["{field}"]', expected)
    check("types", "d.EventType", _union({kind.type for kind in get_args(Event)}))
    check("kinds", 'd.Part["kind"]', _union(_documented_parts()))
    check("codes", "d.ErrorCode", _union(code.value for code in Code))
    check("options", "keyof d.ProviderOptions", _union(OptionFields.model_fields))
    check("feedback", "keyof d.Feedback", _union(FeedbackRequest.model_fields))
    snapshot = re.search(r"returns one object:\n`\{(.*?)\}`", PROTOCOL)
    assert snapshot
    check("snapshot", "keyof d.Snapshot", _union(snapshot.group(1).split(", ")))
    project.write("contract.ts", _qualified("".join(checks)))
    assert project.compile("contract.ts") == []


def test_the_declared_options_and_members_are_those_of_the_code(project: Project) -> None:
    script = REPORT.replace("PACKAGE", str(PACKAGE))
    report = json.loads(project.node(program("node", "nodejs"), "--input-type=module", "--eval", script))
    assert set(OptionFields.model_fields) < set(report["names"]["request"])
    options = {
        "new Dualstream()": "ClientOptions",
        "retry": "RetryOptions",
        "environment": "Environment",
        "request": "StartRequest",
        "start()": "StartOptions",
        "attach()": "AttachOptions",
        "feedback()": "Feedback",
        "new Conversation()": "ConversationOptions",
        "configure()": "ConversationSettings",
        "send()": "TurnOptions",
        "useGeneration()": "UseGenerationOptions",
    }
    assert report["names"].keys() == options.keys()
    members: Mapping[str, list[str]] = {declared: report["names"][where] for where, declared in options.items()}
    lines = [
        EQUAL,
        "import type * as d from 'dualstream';\nimport type { UseGenerationOptions } from 'dualstream/react';\n",
    ]
    for declared, names in {**members, **report["members"]}.items():
        qualified = declared if declared == "UseGenerationOptions" else f"d.{declared}"
        # A symbol is the iterator of an answer.
        keys = f"Exclude<keyof {qualified}, symbol>"
        lines.append(f"export const {declared}_: Equal<{keys}, {_union(names)}> = true;\n")
    values = _union(report["exports"])
    lines.append(f"export const transports_: Equal<d.Transport, {_union(report['transports'])}> = true;\n")
    lines.append(f"export const exports_: Equal<keyof typeof d, {values}> = true;\n")
    page = (CHECKOUT / "docs" / "reference" / "javascript.md").read_text("utf-8")
    documented = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", page))))
    named = {name for names in (*members.values(), *report["members"].values()) for name in names}
    assert named - set(OptionFields.model_fields) - documented == set()
    project.write("members.ts", "".join(lines))
    assert project.compile("members.ts") == []


def _documented_events() -> Iterator[tuple[str, set[str]]]:
    """Yield each event of the table in docs/reference/protocol.md, with the names of its fields."""
    table = PROTOCOL.partition("\n## Events\n")[2].partition("\n\n")[0].strip()
    for row in table.splitlines()[2:]:
        _, name, _, described, _ = (cell.strip() for cell in row.split("|"))
        named = re.sub(r": `.*", ": ", described)
        yield name.strip("`"), {field.rstrip("?") for field in re.findall(r"`(\w+\??)`", named)} - BASE


def _documented_parts() -> set[str]:
    table = PROTOCOL.partition("\n### Parts\n")[2].partition("\nLater versions")[0]
    return set(
        re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")))
    ) - {"kind"}


def _fields_of(kind: type[Event]) -> Iterator[tuple[str, str]]:
    """Yield the names of an event's fields on the wire, with their types; those that may be absent may be undefined."""
    if kind is Gap:
        yield from {"from": "number", "to": "number", "text": "string"}.items()
        return
    hints = get_type_hints(kind)
    optional = {"signature", "format"}
    for found in (*fields(kind), *(fields(SignedReasoning) if kind is Reasoning else ())):
        if found.name in optional and (kind is Reasoning or found.default is not MISSING):
            yield found.name, "string | undefined"
        else:
            yield found.name, _typescript(hints.get(found.name, str))


def _typescript(hint: object) -> str:
    """Return the TypeScript type of a type hint."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _union(arguments)
    if origin in {Union, UnionType}:
        return " | ".join(map(_typescript, arguments))
    if hint in {Usage, Metrics}:
        return str(getattr(hint, "__name__", hint))
    if origin is not None:
        assert arguments[0] is str, hint
        return "Record<string, Json>"
    names: Mapping[object, str] = {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null"}
    return names[hint]


def _union(names: Iterable[str]) -> str:
    return " | ".join(f'"{name}"' for name in sorted(set(names)))


def _qualified(source: str) -> str:
    """Qualify the names of declared types."""
    return re.sub(r"(?<![\w.\"])(Usage|Metrics|Json|ErrorCode|FinishReason)(?![\w\"])", r"d.\1", source)


def test_the_declarations_import_only_each_other(project: Project) -> None:
    for file in Path(project.folder, "node_modules", "dualstream", "types").iterdir():
        assert set(re.findall(r'from "([^"]+)"', file.read_text("utf-8"))) <= {
            f"./{other.name.removesuffix('.d.ts')}.js" for other in (PACKAGE / "types").iterdir()
        }
