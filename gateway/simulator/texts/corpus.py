"""What the text of one language consists of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The sentences and paragraphs of one language; `{quote}` stands for what the user or the tool said."""

    asked: str
    revised: str
    shortened: str
    returned: str
    paragraphs: tuple[str, ...]
    links: tuple[str, ...]
    """What leads in a paragraph that comes a second time, with the space or line break that follows it."""
    reasoning: tuple[str, ...]
