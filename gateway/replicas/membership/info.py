"""What each gateway tells all others when it renews its lease, as JSON. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class CircuitReport:
    """What a gateway has found out about a provider itself. Times are seconds before or after the report.

    `number` grows with each change. `open_for` None: the circuit is closed again; 0: a probe may pass.
    """

    number: int
    age: float
    open_for: float | None = None
    cooldown: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class ReplicaInfo:
    """What one gateway tells. `pauses` are those that providers have asked it for, in seconds from now.

    `settings` is a digest of the settings in which the gateways must agree.
    """

    circuits: Mapping[str, CircuitReport] = field(default_factory=dict)
    pauses: Mapping[str, float] = field(default_factory=dict)
    settings: str = ""


_INFO: Final = TypeAdapter(ReplicaInfo)


def encode_info(info: ReplicaInfo) -> bytes:
    """Encode it."""
    return _INFO.dump_json(info, exclude_defaults=True)


def decode_info(data: bytes) -> ReplicaInfo:
    """Decode it; fields that only a newer gateway has are ignored, as is all that can't be read."""
    try:
        return _INFO.validate_json(data)
    except ValueError:
        return ReplicaInfo()


def settings_of(infos: Mapping[str, bytes]) -> dict[str, str]:
    """Return the digests of the settings of gateways, by their ids."""
    return {name: decode_info(data).settings for name, data in infos.items()}
