"""Principals: authenticated identities and what they may do. Pure."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal, get_args

from gateway.admission.limits import NO_PRINCIPAL_LIMITS, PrincipalLimits

Role = Literal["observe", "operate"]
"""Rights beyond a principal's own generations.

`observe`: read every generation and the statistics. `operate`: also interrupt every generation and give it feedback.
"""

Source = Literal["address", "key", "token"]
"""How a principal is identified. Equal names of different sources are different principals."""

SOURCES: Final[frozenset[Source]] = frozenset(get_args(Source))

ROLES: Final[frozenset[Role]] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class GenerationScope:
    """Restriction of a principal, by its ticket, to one generation: to read it and, with `commands`, to command it."""

    generation_id: str
    commands: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Authenticated identity that owns generations, limits and a budget.

    `models` is None if every model is allowed. `credential` identifies what proved the identity, `expires` is when that
    ends, in seconds since 1970.
    """

    name: str
    source: Source = "address"
    models: frozenset[str] | None = None
    roles: frozenset[Role] = frozenset()
    limits: PrincipalLimits = NO_PRINCIPAL_LIMITS
    credential: str = field(default="", repr=False)
    expires: float | None = None
    generation_scope: GenerationScope | None = None
    id: str = field(init=False, repr=False, compare=False)
    """Identifier that is unique across names and sources. A request reads it a dozen times."""
    address: str = field(init=False, repr=False, compare=False)
    """The client address that identifies this principal, or "" if a key or token does."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.source}:{self.name}")
        object.__setattr__(self, "address", self.name if self.source == "address" else "")

    @property
    def observes(self) -> bool:
        """Return True if it may read generations of other principals."""
        return bool(self.roles)

    @property
    def operates(self) -> bool:
        """Return True if it may command generations of other principals."""
        return "operate" in self.roles

    def restricted_to(self, generation_scope: GenerationScope | None) -> "Principal":
        """Return this principal restricted to a generation, or unrestricted if None."""
        return self if generation_scope == self.generation_scope else replace(self, generation_scope=generation_scope)


@lru_cache(maxsize=4096)
def anonymous(address: str) -> Principal:
    """Build the principal of a client of a gateway without keys: its address carries the limits, all is allowed."""
    return Principal(address, roles=ROLES)
