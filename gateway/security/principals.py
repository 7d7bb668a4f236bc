"""Who asks, and what they may do. Pure."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from gateway.admission.limits import NO_PRINCIPAL_LIMITS, PrincipalLimits

Role = Literal["observe", "operate"]
"""What goes beyond one's own: to read any generation and the figures; to interrupt and give feedback to any, too."""

Source = Literal["address", "key", "token"]
"""By what a principal is known. A name of one source is not the same name of another."""

ROLES: Final[frozenset[Role]] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class GenerationScope:
    """What a ticket may narrow a principal to: one generation, to be read, and with `commands` to be commanded, too."""

    generation_id: str
    commands: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Whose a request is. `models` None: any. `expires` is in seconds since 1970; `credential` names what proved it."""

    name: str
    source: Source = "address"
    models: frozenset[str] | None = None
    roles: frozenset[Role] = frozenset()
    limits: PrincipalLimits = NO_PRINCIPAL_LIMITS
    credential: str = field(default="", repr=False)
    expires: float | None = None
    generation_scope: GenerationScope | None = None

    @property
    def id(self) -> str:
        """Tell principals apart, whatever they are called and wherever they come from."""
        return f"{self.source}:{self.name}"

    @property
    def address(self) -> str:
        """Give the address that stands for it, "" if it is known by something better."""
        return self.name if self.source == "address" else ""

    @property
    def observes(self) -> bool:
        """Tell whether it may read what is not its own."""
        return bool(self.roles)

    @property
    def operates(self) -> bool:
        """Tell whether it may command what is not its own."""
        return "operate" in self.roles

    def restricted_to(self, generation_scope: GenerationScope | None) -> "Principal":
        """Give the same principal within these bounds."""
        return self if generation_scope == self.generation_scope else replace(self, generation_scope=generation_scope)


def anonymous(address: str) -> Principal:
    """Make the principal of a gateway without keys: an address, for its limits, that may do everything."""
    return Principal(address, roles=ROLES)
