"""The base of the tables of the configuration file."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Table(BaseModel):
    """A table: only its declared keys, without type conversion."""

    # Built with the settings, as a part of them, and not once more by itself.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
