"""Which models can be asked for, by which names."""

from collections.abc import Callable, Collection, Mapping, Sequence

from gateway.protocol.errors import Code, Refused, invalid
from gateway.routing.model import Model


class ModelRegistry:
    """The models of a configuration. The first one is the default, unless `default` names another.

    `aliases` gives other names for them. `unlisted` makes a model of any other name that a client gives, or gives None
    for one that is not served; without models and a default, a name has to be given.
    """

    def __init__(
        self,
        models: Sequence[Model] = (),
        *,
        aliases: Mapping[str, str] | None = None,
        default: str | None = None,
        unlisted: Callable[[str], Model | None] = lambda _name: None,
    ) -> None:
        self.by_name = {model.name: model for model in models}
        self.aliases = dict(aliases or {})
        self.default = default or next(iter(self.by_name), None)
        self._unlisted = unlisted

    @property
    def names(self) -> tuple[str, ...]:
        """List the names that clients may use, aliases last."""
        return (*self.by_name, *self.aliases)

    def only(self, allowed: Collection[str]) -> "ModelRegistry":
        """Give those that are allowed, as if there were no others. Who may use a model may use its aliases."""
        asked = {self.aliases.get(name, name) for name in allowed}
        listed = [model for name, model in self.by_name.items() if name in asked]
        others = [self._unlisted(name) for name in sorted(asked - self.by_name.keys())]
        models = [*listed, *(model for model in others if model is not None)]
        names = {model.name for model in models}
        aliases = {alias: name for alias, name in self.aliases.items() if name in names}
        default = self.default if self.default in {*names, *aliases} else None
        return ModelRegistry(models, aliases=aliases, default=default)

    def resolve(self, name: str | None) -> Model:
        """Give the model to ask.

        Raises:
            Refused: `model_not_found`, or `invalid_request` when none is named and there is no default.
        """
        if name is None:
            if self.default is None:
                message = "model: is missing; this gateway has no default model"
                raise invalid(message, param="model")
            name = self.default
        model = self.by_name.get(self.aliases.get(name, name)) or self._unlisted(name)
        if model is None:
            known = ", ".join(self.names)
            message = f"model: {name[:100]!r} is not served here; known are: {known}"
            raise Refused(Code.MODEL_NOT_FOUND, message, param="model")
        return model
