"""The observer that writes the log of generations: a line for each end, and warnings of what operators can mend.

At level `debug` it also writes a line for each step of a generation.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.generation.source import StartSource
from gateway.log_fields import log_fields
from gateway.log_throttle import INTERVAL, CountingLogThrottle, KeyedLogThrottle
from gateway.protocol.errors import Code, Failed, Refused
from gateway.security.principals import Principal
from gateway.telemetry.logs.event import log_unlimited
from gateway.telemetry.logs.generation import cut, generation_fields, unusual
from gateway.telemetry.observer import Observer
from gateway.telemetry.summary import GenerationSummary

logger = logging.getLogger("gateway.generations")


@dataclass(frozen=True, slots=True)
class Content:
    """What a generation was asked, as JSON, and the generation itself, which has the answer."""

    prompt: str
    generation: Generation


class LogObserver(Observer):
    """Logs what happens to generations. With `log_content`, prompts and answers are logged too."""

    def __init__(self, clock: Clock, *, log_content: bool = False, is_traced: bool = False) -> None:
        """`is_traced`: another observer writes traces."""
        self._clock = clock
        self._log_content = log_content
        self._is_traced = is_traced
        self._contents: dict[str, Content] = {}
        """Of the generations that run; only with `log_content`."""
        self._failovers = KeyedLogThrottle()
        self._budgets = KeyedLogThrottle()
        self._refusals = CountingLogThrottle()

    def on_start(self, generation: Generation, principal: Principal) -> None:
        """Remember the prompt, if it is to be logged: the generation forgets it when it ends."""
        if self._log_content:
            self._contents[generation.id] = Content(cut(generation.prompt.json().decode()), generation)
        if logger.isEnabledFor(logging.DEBUG):
            fields = log_fields("generation_started", generation=generation.id, principal=principal.id)
            logger.debug("generation %s of %s has started", generation.id, principal.id, extra=fields)

    def on_refused(self, refused: Refused, principal: Principal, source: StartSource) -> None:
        """Log a refused start: one line for each code and minute, with their number."""
        code = refused.code
        if code is Code.BUDGET_EXCEEDED:
            self._log_spent_budget(principal.id, refused.message)
        count = self._refusals.count(code.value, self._clock.now())
        if count:
            logger.log(
                logging.WARNING if code is Code.QUEUE_FULL else logging.INFO,
                "starts refused with %s: %d since the last such line; the last one, of %s: %s",
                *(code.value, count, principal.id, refused.message),
                extra=log_fields(
                    "starts_refused",
                    code=code.value,
                    count=count,
                    principal=principal.id,
                    transport=source.transport,
                    reason=refused.message,
                ),
            )

    def on_attempt(self, generation: Generation, attempt: Attempt) -> Mapping[str, str]:
        """Log a call, at level `debug`."""
        if logger.isEnabledFor(logging.DEBUG):
            fields = log_fields(
                "attempt_started", generation=generation.id, attempt=attempt.number, provider=attempt.provider
            )
            logger.debug("generation %s: attempt %d, %s", generation.id, attempt.number, attempt.provider, extra=fields)
        return {}

    def on_attempt_end(self, generation: Generation, attempt: Attempt) -> None:
        """Log the end of a call, at level `debug`."""
        if logger.isEnabledFor(logging.DEBUG):
            fields = log_fields("attempt_ended", generation=generation.id, attempt=attempt.number, end=attempt.ended)
            logger.debug("generation %s: attempt %d %s", generation.id, attempt.number, attempt.ended, extra=fields)

    def on_retry(self, generation: Generation, failure: Failed, provider: str, following: str) -> None:
        """Log a failover, once a minute for each reason; a retry at the same provider at level `debug`."""
        code = failure.code.value
        if following != provider:
            if self._failovers.is_due(f"{provider} {following} {code}", self._clock.now()):
                logger.warning(
                    "%s failed with %s, %s takes over, first for generation %s: %s (Not logged again for %g s.)",
                    *(provider, code, following, generation.id, failure.message, INTERVAL),
                    extra=log_fields(
                        "failover",
                        provider=provider,
                        following=following,
                        code=code,
                        reason=failure.message,
                        generation=generation.id,
                        model=generation.model,
                    ),
                )
        elif logger.isEnabledFor(logging.DEBUG):
            fields = log_fields("retry", generation=generation.id, provider=provider, code=code)
            logger.debug("generation %s: %s failed with %s: again", generation.id, provider, code, extra=fields)

    def on_viewer(self, generation_id: str, transport: str, *, resumed: bool) -> None:
        """Log a viewer that has come, at level `debug`."""
        if logger.isEnabledFor(logging.DEBUG):
            fields = log_fields("viewer_came", generation=generation_id, transport=transport, resumed=resumed)
            how = "resumes" if resumed else "reads"
            logger.debug("generation %s: a viewer %s by %s", generation_id, how, transport, extra=fields)

    def on_viewer_left(self, generation_id: str, transport: str) -> None:
        """Log a viewer that has left, at level `debug`."""
        if logger.isEnabledFor(logging.DEBUG):
            fields = log_fields("viewer_left", generation=generation_id, transport=transport)
            logger.debug("generation %s: a viewer by %s has left", generation_id, transport, extra=fields)

    def on_end(self, summary: GenerationSummary) -> None:
        """Log the line of a generation."""
        if summary.code == Code.BUDGET_EXCEEDED:
            self._log_spent_budget(summary.principal, summary.message or "")
        content = self._contents.pop(summary.id, None)
        if not logger.isEnabledFor(logging.INFO):
            return
        fields = generation_fields(summary, with_content=self._log_content, is_traced=self._is_traced)
        if content is not None:
            fields |= {"prompt": content.prompt, "text": cut(content.generation.log.text())}
        log_unlimited(logger, logging.INFO, "generation ended", fields, unusual)

    def on_surrendered(self, generation: Generation) -> None:
        """Forget a generation that ends elsewhere."""
        self._contents.pop(generation.id, None)
        if logger.isEnabledFor(logging.DEBUG):
            fields = log_fields("generation_surrendered", generation=generation.id)
            logger.debug("generation %s: another gateway has taken it over", generation.id, extra=fields)

    def _log_spent_budget(self, principal: str, reason: str) -> None:
        if self._budgets.is_due(principal, self._clock.now()):
            fields = log_fields("budget_spent", principal=principal, reason=reason)
            logger.warning("%s has spent its budget: %s", principal, reason, extra=fields)
