"""Names of the models that a configuration serves. Pure."""

from typing import Final

from gateway.config.settings import Settings

PROVIDER_PROFILES: Final = ("sim-gpt-4.1", "sim-gpt-4o", "sim-claude-3.5-sonnet", "sim-gemini-1.5-flash")
"""Models of the simulator that imitate one provider each: those of the comparison that this project started from."""

SIMULATED_MODELS: Final = ("sim", *PROVIDER_PROFILES, "sim-instant")
"""Models that a gateway without an upstream lists. It also serves any other name that begins with `sim`."""


def served_models(settings: Settings) -> tuple[str, ...]:
    """Return the names of the models, without aliases; empty if clients may request any model."""
    if settings.models:
        return tuple(settings.models)
    return settings.model or (SIMULATED_MODELS if settings.upstream is None else ())


def models_to_compare(settings: Settings) -> tuple[str, ...]:
    """Return the names of the models that a comparison includes by default.

    Without any configuration these are not all models of the simulator: some of them differ in nothing that a
    comparison measures.
    """
    is_simulated = settings.upstream is None and not settings.models and not settings.model
    return PROVIDER_PROFILES if is_simulated else served_models(settings)
