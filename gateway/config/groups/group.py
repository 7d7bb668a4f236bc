"""The base of the groups of settings, and the types that several of them use."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""Model name that a request may carry (`StartRequest.model`)."""


class SettingsGroup(BaseModel):
    """Settings that belong together. Times in seconds, sizes in bytes; 0 means no limit, where 0 is allowed."""

    # Built with the settings, as a part of them, and not once more by itself.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


def split_at_commas(value: object) -> object:
    """Return the parts of a text, which is how a variable or an option writes a list; anything else as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(split_at_commas)]
"""A list of texts."""
