"""The conversation as styled rows of a screen, wrapped to its width. Pure."""

from dataclasses import dataclass, field

from prompt_toolkit.utils import get_cwidth

from gateway.cli.chat.parts import describe_part
from gateway.cli.chat.sanitize import safe
from gateway.protocol.events import Chunk, Event, Gap, Part, Reasoning, Revision, ToolCall

Row = tuple[str, str]
"""A style and the text in it."""

TAB = "    "

EMOJI_STYLE = "\ufe0f"
"""Variation selector 16: requests emoji presentation of the character before it, two cells wide in many terminals."""


def cells(text: str) -> int:
    """Return the maximum number of cells that a terminal may need for a text."""
    return get_cwidth(text) + text.count(EMOJI_STYLE)


def wrap(line: str, width: int) -> list[str]:
    """Wrap a line into rows of at most `width` cells, between words where possible; wide characters take two cells."""
    rows: list[str] = []
    start, used, after_space = 0, 0, -1
    for index, char in enumerate(line):
        char_cells = cells(char)
        if used + char_cells > width and index > start:
            if char == " ":
                rows.append(line[start:index])
                start, used, after_space = index + 1, 0, -1
                continue
            cut = after_space if after_space > start else index
            rows.append(line[start:cut].rstrip(" "))
            start, used, after_space = cut, cells(line[cut:index]), -1
        used += char_cells
        if char == " ":
            after_space = index + 1
    rows.append(line[start:])
    return rows


class Block:
    """Text in one style. When text is appended, only its last line is wrapped again."""

    def __init__(self, style: str, text: str = "") -> None:
        self.style = style
        self._lines: list[str] = []
        self._tail = ""
        self._rows: list[str] = []
        self._width = 0
        self.add(text)

    @property
    def text(self) -> str:
        """Return all of the text, as it is displayed."""
        return "\n".join([*self._lines, self._tail])

    def add(self, text: str) -> None:
        """Append text, without its control characters."""
        *lines, self._tail = (self._tail + safe(text).replace("\t", TAB)).split("\n")
        self._lines += lines
        if self._width:
            for line in lines:
                self._rows += wrap(line, self._width)

    def replace(self, text: str) -> None:
        """Replace the text."""
        self._lines, self._tail, self._rows = [], "", []
        self.add(text)

    def rows(self, width: int) -> list[str]:
        """Return the rows at this width."""
        if width != self._width:
            self._width = width
            self._rows = [row for line in self._lines for row in wrap(line, width)]
        return [*self._rows, *wrap(self._tail, width)]


@dataclass(slots=True)
class Transcript:
    """All blocks of the conversation, and the view of them. `scrolled` is the number of rows below the view."""

    scrolled: int = 0
    _blocks: list[Block] = field(default_factory=list)
    _answer: Block | None = None
    _thinking: Block | None = None
    _tool: int | None = None
    _total: int = 0

    def add_question(self, question: str) -> None:
        """Append a question; its answer starts below."""
        self._blocks.append(Block("class:you", f"> {question}"))
        self._answer = self._thinking = self._tool = None
        self.scrolled = 0

    def add_message(self, style: str, text: str) -> None:
        """Append a message of this program, or feedback; a running answer continues to grow above it."""
        self._blocks.append(Block(style, text))

    def _add_part(self, part: Part) -> None:
        if line := describe_part(part):
            self.add_message("class:note", f"[{line}]")

    def receive(self, event: Event) -> None:
        """Append the content of an event."""
        match event:
            case Chunk(content=content):
                self._append_to_answer(content)
            case Reasoning(content=content):
                if self._thinking is None:
                    self._thinking = self._add_block("class:thinking")
                self._thinking.add(content)
            case ToolCall(index=index, name=name, arguments=arguments):
                self._append_to_call(index, name, arguments)
            case Part():
                self._add_part(event)
            case Gap(text=text):
                self._append_to_answer("")
                if self._answer is not None:
                    self._answer.replace(text)
            case Revision():
                if self._answer is not None:
                    self._answer.style = "class:old"
                self._answer = self._thinking = self._tool = None
            case _:
                pass

    def view(self, width: int, height: int) -> list[Row]:
        """Return the rows in view. While it is scrolled up, the view stays on its rows when rows are added below."""
        total = sum(len(block.rows(width)) + 1 for block in self._blocks)
        if self.scrolled:
            self.scrolled += total - self._total
        self._total = total
        self.scrolled = max(0, min(self.scrolled, total - height))
        rows: list[Row] = []
        for block in reversed(self._blocks):
            if len(rows) >= height + self.scrolled:
                break
            rows.append(("", ""))
            rows += [(block.style, row) for row in reversed(block.rows(width))]
        return rows[self.scrolled : self.scrolled + height][::-1]

    def scroll(self, rows: int) -> None:
        """Scroll up by this number of rows; down if it is negative."""
        self.scrolled = max(0, self.scrolled + rows)

    def to_text(self) -> str:
        """Return the conversation without styles; it stays in the terminal after the screen is closed."""
        return "".join(f"{block.text}\n\n" for block in self._blocks)

    def _append_to_answer(self, content: str) -> None:
        if self._answer is None:
            self._answer = self._add_block("class:answer")
            self._thinking = self._tool = None
        self._answer.add(content)

    def _append_to_call(self, index: int, name: str | None, arguments: str) -> None:
        if self._thinking is None or self._tool != index:
            self._thinking, self._tool = self._add_block("class:thinking"), index
            self._thinking.add(f"calls {name or 'a tool'} ")
        self._thinking.add(arguments)

    def _add_block(self, style: str) -> Block:
        block = Block(style)
        self._blocks.append(block)
        return block
