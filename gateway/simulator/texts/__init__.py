"""The stock of text an answer is made of, one module per language. All of it is written for the simulator."""

from typing import Final, Literal

from gateway.simulator.texts.code import CODE
from gateway.simulator.texts.corpus import Corpus
from gateway.simulator.texts.emoji import EMOJI
from gateway.simulator.texts.english import ENGLISH
from gateway.simulator.texts.markdown import MARKDOWN
from gateway.simulator.texts.vietnamese import VIETNAMESE

__all__ = ["CORPORA", "Corpus", "Language"]

Language = Literal["english", "vietnamese", "code", "markdown", "emoji"]

CORPORA: Final[dict[Language, Corpus]] = {
    "english": ENGLISH,
    "vietnamese": VIETNAMESE,
    "code": CODE,
    "markdown": MARKDOWN,
    "emoji": EMOJI,
}
