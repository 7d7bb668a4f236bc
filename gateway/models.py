"""Which models can be asked for, and under which name each is called upstream."""

from collections.abc import Sequence

from gateway.errors import Code, Refused, invalid


class Models:
    """The names that clients may use; with `prefix`, also every name that starts so.

    Without names and prefix any name is passed on, and one has to be given.
    """

    def __init__(self, names: Sequence[str] = (), prefix: str | None = None) -> None:
        self.names = tuple(names)
        self.default = self.names[0] if self.names else None
        self._prefix = prefix

    def resolve(self, name: str | None) -> str:
        """Give the model to call.

        Raises:
            Refused: `model_not_found`, or `invalid_request` when none is named and there is no default.
        """
        if name is None:
            if self.default is None:
                message = "model: is missing; this gateway has no default model"
                raise invalid(message, param="model")
            return self.default
        passes = name in self.names or (name.startswith(self._prefix) if self._prefix else not self.names)
        if not passes:
            known = ", ".join(self.names)
            message = f"model: {name[:100]!r} is not served here; known are: {known}"
            raise Refused(Code.MODEL_NOT_FOUND, message, param="model")
        return name
