"""The models that clients may request, by name and alias. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence

from gateway.protocol.errors import Code, Refused, invalid
from gateway.routing.model import Model
from gateway.routing.target import Target


class ModelRegistry:
    """The models of a configuration.

    The default model is `default`, or else the first one. `aliases` maps further names to names of models. `unlisted`
    builds a model for any other name that a client requests, or returns None if that name is not served; those models
    call `unlisted_targets`. Without models and a default, clients have to name one.
    """

    def __init__(
        self,
        models: Sequence[Model] = (),
        *,
        aliases: Mapping[str, str] | None = None,
        default: str | None = None,
        unlisted: Callable[[str], Model | None] = lambda _name: None,
        unlisted_targets: Sequence[Target] = (),
    ) -> None:
        self.by_name = {model.name: model for model in models}
        self.aliases = dict(aliases or {})
        self.default = default or next(iter(self.by_name), None)
        self.unlisted_targets = unlisted_targets
        self._unlisted = unlisted

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names that clients may request, aliases last."""
        return (*self.by_name, *self.aliases)

    @property
    def accepts_any_name(self) -> bool:
        """Return True if clients may request any model: none is listed, and the upstream decides."""
        return not self.by_name and bool(self.unlisted_targets)

    def only(self, allowed: Collection[str]) -> "ModelRegistry":
        """Return a registry of the allowed models alone. An allowed model may be requested by its aliases, too.

        `allowed` may name models by alias. The new registry does not reveal that there are others: neither in `names`
        nor in the message of a refusal.
        """
        allowed = {self.aliases.get(name, name) for name in allowed}
        listed = [model for name, model in self.by_name.items() if name in allowed]
        unlisted = [self._unlisted(name) for name in sorted(allowed - self.by_name.keys())]
        models = [*listed, *(model for model in unlisted if model is not None)]
        names = {model.name for model in models}
        aliases = {alias: name for alias, name in self.aliases.items() if name in names}
        default = self.default if self.default in {*names, *aliases} else None
        return ModelRegistry(models, aliases=aliases, default=default)

    def resolve(self, name: str | None) -> Model:
        """Return the model of a name or alias; None is the default model.

        Raises:
            Refused: `model_not_found`, or `invalid_request` if there is neither a name nor a default.
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
