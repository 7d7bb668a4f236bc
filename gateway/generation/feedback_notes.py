"""The feedback that one generation has received, within its limits. Pure."""

from typing import Final

from gateway.generation.content_counter import FRAME_BYTES, utf8_length
from gateway.protocol.errors import invalid
from gateway.protocol.events import Feedback

MAX_FEEDBACK: Final = 100
"""Maximum number of feedbacks kept for one generation."""

FEEDBACK_BYTES: Final = 64 * 1024
"""Maximum UTF-8 bytes of their texts together."""


class FeedbackNotes:
    """Feedback in the order it came, whether or not the log has it: notes are accepted after the terminal event too."""

    __slots__ = ("_text_bytes", "notes")

    def __init__(self) -> None:
        self.notes: list[Feedback] = []
        self._text_bytes = 0

    @property
    def size(self) -> int:
        """Return the size in UTF-8 bytes, with `FRAME_BYTES` for each feedback."""
        return self._text_bytes + FRAME_BYTES * len(self.notes)

    def add(self, feedback: Feedback) -> None:
        """Append a feedback.

        Raises:
            Refused: `invalid_request` with status 429: there are too many, or their texts are too long together.
        """
        if len(self.notes) >= MAX_FEEDBACK:
            message = f"This generation has {MAX_FEEDBACK} feedbacks, the maximum: it accepts no more."
            raise invalid(message, status=429)
        length = utf8_length(feedback.text or "")
        if self._text_bytes + length > FEEDBACK_BYTES:
            message = f"text: a generation holds at most {FEEDBACK_BYTES} bytes of feedback: shorten it."
            raise invalid(message, param="text", status=429)
        self._text_bytes += length
        self.notes.append(feedback)
