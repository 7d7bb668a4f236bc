"""The conversation as rows of a screen: what is said in which style, wrapped to a width. Pure."""

from dataclasses import dataclass, field

from prompt_toolkit.utils import get_cwidth

from gateway.cli.chat.sanitize import safe
from gateway.protocol.events import Chunk, Event, Gap, Reasoning, Revision, ToolCall

Row = tuple[str, str]
"""A style and the text in it."""

TAB = "    "

EMOJI_STYLE = "\ufe0f"
"""Asks for the sign before it to be shown as an emoji, which many terminals then make two cells wide."""


def cells(text: str) -> int:
    """Give the most cells that a terminal may need for a text."""
    return get_cwidth(text) + text.count(EMOJI_STYLE)


def wrap(line: str, width: int) -> list[str]:
    """Cut a line into rows of at most `width` cells, between words where it can be; wide signs take two cells."""
    rows: list[str] = []
    start, used, after_space = 0, 0, -1
    for index, sign in enumerate(line):
        wide = cells(sign)
        if used + wide > width and index > start:
            if sign == " ":
                rows.append(line[start:index])
                start, used, after_space = index + 1, 0, -1
                continue
            cut = after_space if after_space > start else index
            rows.append(line[start:cut].rstrip(" "))
            start, used, after_space = cut, cells(line[cut:index]), -1
        used += wide
        if sign == " ":
            after_space = index + 1
    rows.append(line[start:])
    return rows


class Block:
    """A run of text in one style, wrapped as it grows: only its last line is wrapped again."""

    def __init__(self, style: str, text: str = "") -> None:
        self.style = style
        self._lines: list[str] = []
        self._tail = ""
        self._rows: list[str] = []
        self._width = 0
        self.add(text)

    @property
    def text(self) -> str:
        """All of it, as it is shown."""
        return "\n".join([*self._lines, self._tail])

    def add(self, text: str) -> None:
        """Append text, made safe."""
        *lines, self._tail = (self._tail + safe(text).replace("\t", TAB)).split("\n")
        self._lines += lines
        if self._width:
            for line in lines:
                self._rows += wrap(line, self._width)

    def replace(self, text: str) -> None:
        """Put another text in the place of this one."""
        self._lines, self._tail, self._rows = [], "", []
        self.add(text)

    def rows(self, width: int) -> list[str]:
        """Give its rows at this width."""
        if width != self._width:
            self._width = width
            self._rows = [row for line in self._lines for row in wrap(line, width)]
        return [*self._rows, *wrap(self._tail, width)]


@dataclass(slots=True)
class Transcript:
    """All that was said, and the part of it that is in view. `scrolled` counts the rows below the view."""

    scrolled: int = 0
    _blocks: list[Block] = field(default_factory=list)
    _answer: Block | None = None
    _thinking: Block | None = None
    _tool: int | None = None
    _total: int = 0

    def asked(self, question: str) -> None:
        """Add a question; its answer begins below."""
        self._blocks.append(Block("class:you", f"> {question}"))
        self._answer = self._thinking = self._tool = None
        self.scrolled = 0

    def said(self, style: str, text: str) -> None:
        """Add words of this program, or the user's feedback; an answer that is running grows on above them."""
        self._blocks.append(Block(style, text))

    def take(self, event: Event) -> None:
        """Add what an event brings."""
        match event:
            case Chunk(content=content):
                self._grow(content)
            case Reasoning(content=content):
                if self._thinking is None:
                    self._thinking = self._begun("class:thinking")
                self._thinking.add(content)
            case ToolCall(index=index, name=name, arguments=arguments):
                if self._thinking is None or self._tool != index:
                    self._thinking, self._tool = self._begun("class:thinking"), index
                    self._thinking.add(f"calls {name or 'a tool'} ")
                self._thinking.add(arguments)
            case Gap(text=text):
                self._grow("")
                if self._answer is not None:
                    self._answer.replace(text)
            case Revision():
                if self._answer is not None:
                    self._answer.style = "class:old"
                self._answer = self._thinking = self._tool = None
            case _:
                pass

    def view(self, width: int, height: int) -> list[Row]:
        """Give the rows in view. Scrolled up, the view stays on its rows while more come below."""
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
        """Move the view up by so many rows; down, if negative."""
        self.scrolled = max(0, self.scrolled + rows)

    def plain(self) -> str:
        """Give it all without styles, to be left behind in the terminal."""
        return "".join(f"{block.text}\n\n" for block in self._blocks)

    def _grow(self, content: str) -> None:
        if self._answer is None:
            self._answer = self._begun("class:answer")
            self._thinking = self._tool = None
        self._answer.add(content)

    def _begun(self, style: str) -> Block:
        block = Block(style)
        self._blocks.append(block)
        return block
