"""Build the hub and the services of the API from the settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.admission.command_rate import CommandRate
from gateway.admission.limits import AddressLimit
from gateway.admission.prompts import CLIENT_SHARE, PROMPTS_PER_BODY, PromptMemory
from gateway.admission.rate_limits import RateLimits
from gateway.admission.slots import Slots
from gateway.admission.streams import STREAMS_PER_ADDRESS, STREAMS_PER_CLIENT, Streams
from gateway.api.model_api.responses.store import ResponseStore
from gateway.api.services import Services
from gateway.billing.budgets import Budgets
from gateway.clock import Clock
from gateway.config import Settings
from gateway.dialects.base import Dialect
from gateway.net.addresses import is_loopback_host
from gateway.pipeline.hub import Hub, RetentionPolicy
from gateway.replicas.generations import Generations
from gateway.routing.registry import ModelRegistry
from gateway.security.authenticator import Authenticator
from gateway.security.origins import Origins
from gateway.telemetry.activity import Activity
from gateway.telemetry.metrics.metrics import Metrics

if TYPE_CHECKING:
    from gateway.api.model_api.responses.shared import SharedResponses


def build_hub(settings: Settings, models: ModelRegistry, clock: Clock) -> Hub:
    """Build the hub that serves `models`."""
    return Hub(
        models,
        Slots(settings.max_concurrent, settings.max_queue, settings.max_concurrent_per_client),
        clock,
        rate_limits=RateLimits(
            settings.rate_limit_per_minute, settings.rate_limit_burst, settings.output_tokens_per_minute
        ),
        budgets=Budgets(settings.budget_per_day),
        prompts=_prompt_memory(settings),
        retention_policy=RetentionPolicy(
            on_disconnect=settings.on_disconnect,
            on_resend=settings.model_api_on_resend,
            grace=settings.grace,
            retention=settings.retention,
            max_retained=settings.max_retained,
            max_retained_bytes=settings.max_retained_bytes,
            max_output_bytes=settings.max_output_bytes,
        ),
    )


def _prompt_memory(settings: Settings) -> PromptMemory:
    max_bytes = settings.max_prompt_bytes
    if max_bytes is None:
        max_bytes = PROMPTS_PER_BODY * settings.max_body_bytes
    share = max(max_bytes // CLIENT_SHARE, min(max_bytes, settings.max_body_bytes))
    return PromptMemory(max_bytes, AddressLimit(settings.max_prompt_bytes_per_client, share))


def build_services(
    settings: Settings,
    generations: Generations,
    authenticator: Authenticator,
    clock: Clock,
    dialects: Sequence[Dialect] = (),
    metrics: Metrics | None = None,
) -> Services:
    """Build what the API and the transports work with."""
    responses = ResponseStore(settings.max_stored_bytes, settings.response_retention)
    generations.hub.on_forget(responses.forget_generation)
    activity = Activity(clock.unix)
    generations.hub.observers.add(activity)
    return Services(
        hub=generations.hub,
        generations=generations,
        clock=clock,
        heartbeat=settings.heartbeat,
        viewer_timeout=settings.viewer_timeout,
        coalesce_ms=settings.coalesce_ms,
        poll_wait=settings.poll_wait,
        poll_interval=settings.poll_interval,
        poll_lease=settings.poll_lease,
        max_body_bytes=settings.max_body_bytes,
        max_generations_per_socket=settings.max_generations_per_socket,
        origins=Origins(frozenset(settings.allowed_origins), any_host=_accepts_any_host(settings)),
        authenticator=authenticator,
        cookie=settings.cookie,
        streams=Streams(
            AddressLimit(settings.max_streams_per_client, STREAMS_PER_CLIENT),
            AddressLimit(settings.max_streams_per_address, STREAMS_PER_ADDRESS),
        ),
        dialects=dialects,
        model_api_on_disconnect=settings.model_api_on_disconnect,
        responses=responses,
        activity=activity,
        shared_responses=share_responses(responses, generations, clock),
        responses_websocket=settings.responses_websocket,
        commands=CommandRate(settings.max_commands_per_second),
        metrics=metrics or Metrics(),
        metrics_key=None if settings.metrics_key is None else settings.metrics_key.get_secret_value(),
    )


def share_responses(local: ResponseStore, generations: Generations, clock: Clock) -> "SharedResponses | None":
    """Return the responses of all gateways, with those of this one; None without a store, or if none are stored."""
    shared = generations.shared
    if shared is None or not local.max_bytes_per_owner:
        return None
    # Only here, for the same reason as in `gateway.app.store`.
    from gateway.api.model_api.responses.shared import SharedResponses  # noqa: PLC0415 - as above

    return SharedResponses(shared, generations, local, clock)


def _accepts_any_host(settings: Settings) -> bool:
    """Return True if pages of any host name that leads here are the gateway's own; otherwise DNS rebinding is possible.

    A trusted proxy answers for the host names it passes on, and with credentials a page of another site lacks them.
    """
    if settings.trusted_proxies or settings.requires_credentials:
        return True
    # Without --insecure the gateway listens on loopback, by any of its names, such as 127.1; see `gateway.server.run`.
    return settings.insecure and not is_loopback_host(settings.host)
