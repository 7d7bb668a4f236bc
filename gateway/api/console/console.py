"""Collect what the console shows: of this gateway, and of the others that share its store."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from itertools import islice
from typing import Final, Literal

from pydantic import JsonValue, TypeAdapter

from gateway.admission.streams import Streams
from gateway.api.console.ticker import Ticker
from gateway.api.console.view import (
    MAX_ROWS,
    GatewayRow,
    Part,
    Row,
    Summary,
    View,
    combine,
    decode_part,
    encode_part,
    unreached,
)
from gateway.clock import Clock
from gateway.pipeline.records import Record
from gateway.replicas.generations import Generations
from gateway.telemetry.activity import Activity
from gateway.telemetry.history import BOUNDS_MS, Bucket, Output, Totals, merge
from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.metrics import Metrics
from gateway.telemetry.recent import MAX_RECENT
from gateway.telemetry.summary import GenerationSummary

VIEW_ACTION: Final = "console.view"
HISTORY_ACTION: Final = "console.history"

ROWS_PER_TURN: Final = 20
"""Rows that are made in one turn of the event loop, which takes about a millisecond."""

ASK_SECONDS: Final = 2.0
"""Time in which another gateway must answer."""

LOOK_SECONDS: Final = 0.8
"""The same for a look: one gateway that does not answer must not delay the others for long."""

GAP_BOUNDS_MS: Final = tuple(round(bound * 1000, 6) for bound in names.CHUNK_GAP.buckets)
"""Upper bounds of the counts of gaps between chunks in the history."""


# Built when the console is first looked at.
@cache
def _buckets_adapter() -> TypeAdapter[list[Bucket]]:
    return TypeAdapter(list[Bucket])


@cache
def _summary_adapter() -> TypeAdapter[GenerationSummary]:
    return TypeAdapter(GenerationSummary)


class Console:
    """What the routes of the console show. Without a console, nothing is computed here."""

    def __init__(
        self, generations: Generations, activity: Activity, metrics: Metrics, streams: Streams, clock: Clock
    ) -> None:
        self.ticker = Ticker(self._collect, clock)
        self.ticker.on_idle = self._forget
        self._generations = generations
        self._hub = generations.hub
        self._activity = activity
        self._metrics = metrics
        self._streams = streams
        self._clock = clock
        self._shift = clock.unix() - clock.now()
        """From the gateway's clock to seconds since 1970."""
        self._started = round(clock.unix(), 3)
        self._parts: dict[str, Part] = {}
        """The last parts of other gateways, by name."""
        self._numbers: dict[str, int] = {}
        """Numbers of the newest ends that are known, by gateway."""
        self._ended: Mapping[str, Summary] = {}
        activity.totals = self._totals
        self._hub.on_close(self.ticker.close)
        generations.answer(VIEW_ACTION, self._answer_view)
        generations.answer(HISTORY_ACTION, self._answer_history)

    async def recent(self) -> Sequence[Summary]:
        """Return the newest ends of all gateways that answer, newest first."""
        parts = [await self._part(0), *(await self._ask({})).values()]
        return list(_newest(parts, {}).values())

    async def history(self, after: float) -> tuple[Sequence[Bucket], Sequence[str]]:
        """Return the buckets of the last hour that end after a time, and the gateways that did not answer."""
        answers = await self._generations.ask_all(HISTORY_ACTION, {"after": after}, ASK_SECONDS)
        buckets, missing = await self._history(after), list[str]()
        for name, answer in answers.items():
            try:
                buckets += _read_buckets(_answered(answer))
            except ValueError:
                # As in `_ask`.
                missing.append(name)
        return merge(buckets), missing

    # While consoles are open.

    async def _collect(self) -> View:
        others = await self._ask(self._numbers)
        part = await self._part(self._numbers.get("", 0))
        self._numbers[""] = part.number
        self._numbers |= {name: other.number for name, other in others.items()}
        self._parts = others
        parts = [part, *others.values()]
        self._ended = _newest(parts, self._ended)
        return combine(round(self._clock.unix(), 3), parts, self._ended)

    def _forget(self) -> None:
        self._parts, self._numbers, self._ended = {}, {}, {}

    async def _ask(self, numbers: Mapping[str, int]) -> dict[str, Part]:
        """Return the parts of the other gateways; of one that does not answer, the last one."""
        # One answer to all: each gateway gets the number of its newest end that is known.
        known: dict[str, JsonValue] = {**numbers}
        answers = await self._generations.ask_all(VIEW_ACTION, {"numbers": known}, LOOK_SECONDS)
        found: dict[str, Part] = {}
        for name, answer in answers.items():
            try:
                found[name] = decode_part(_answered(answer))
            except ValueError:
                # It did not answer, or is of another version, as during a rolling upgrade.
                found[name] = unreached(self._parts.get(name) or _unknown(name))
        return found

    async def _answer_view(self, arguments: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        numbers = arguments.get("numbers")
        number = numbers.get(self._generations.name) if isinstance(numbers, dict) else None
        return encode_part(await self._part(number if isinstance(number, int) else 0))

    async def _answer_history(self, arguments: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        after = arguments.get("after")
        buckets = await self._history(float(after) if isinstance(after, int | float) else 0.0)
        return {"buckets": _buckets_adapter().dump_python(buckets, mode="json")}

    # Of this gateway.

    async def _part(self, number: int) -> Part:
        rows = await self._rows()
        recent = self._activity.recent
        ended = [self._summary(summary) for summary in recent.after(number)]
        return Part(self._gateway(), rows, recent.last, ended)

    async def _rows(self) -> list[Row]:
        rows = list[Row]()
        records = list(islice(self._hub.running_records(), MAX_ROWS))
        for start in range(0, len(records), ROWS_PER_TURN):
            rows += [self._row(one) for one in records[start : start + ROWS_PER_TURN] if one.generation.end is None]
            # All rows at once would hold up the chunks of these very answers.
            await asyncio.sleep(0)
        return rows

    def _gateway(self) -> GatewayRow:
        generations, hub = self._generations, self._hub
        store: Literal["up", "down"] = "up" if generations.is_store_up else "down"
        return GatewayRow(
            name=generations.name,
            version=_version(),
            started=self._started,
            draining=hub.draining,
            store="none" if generations.shared is None else store,
            running=hub.running,
            queued=hub.slots.queued + hub.queued_elsewhere(),
            streams=self._streams.open,
            viewers=hub.viewers,
            max_concurrent=hub.slots.max_concurrent,
            max_queue=hub.slots.max_queue,
            here=True,
        )

    def _row(self, record: Record) -> Row:
        generation = record.generation
        metrics = generation.metrics(self._clock.now())
        return Row(
            id=generation.id,
            gateway=self._generations.name,
            principal=record.principal.id,
            transport=generation.source.transport,
            dialect=generation.source.dialect,
            model=generation.model,
            provider=generation.provider,
            state=generation.state.value,
            started=round(generation.moments(self._shift)[0], 3),
            ttft_ms=metrics.ttft_ms,
            chars=metrics.chars,
            output_tokens=generation.output_tokens(),
            chars_per_s=metrics.chars_per_s,
            queue_position=record.pipeline.queue_position or None,
            attempt=metrics.attempts,
            revision=metrics.revisions,
            cost_usd=generation.cost(),
            viewers=self._activity.viewers(generation.id),
        )

    def _summary(self, summary: GenerationSummary) -> Summary:
        encoded: dict[str, JsonValue] = _summary_adapter().dump_python(summary, mode="json")
        return {"gateway": self._generations.name, **encoded}

    async def _history(self, after: float) -> list[Bucket]:
        self._activity.sample()
        outputs = await self._outputs()
        return self._activity.history.since(after, self._clock.unix(), outputs)

    async def _outputs(self) -> list[Output]:
        """Return what has come of the answers that run."""
        outputs = list[Output]()
        for index, record in enumerate(list(self._hub.running_records())):
            first_content, tokens = record.generation.moments(self._shift)[2], record.generation.output_tokens()
            if first_content is not None and tokens and record.generation.end is None:
                outputs.append(Output(tokens, first_content, self._clock.unix()))
            if index % ROWS_PER_TURN == ROWS_PER_TURN - 1:
                await asyncio.sleep(0)
        return outputs

    def _totals(self) -> Totals:
        savings = self._hub.statistics.savings
        return Totals(self._metrics.registry.total(names.CHUNK_GAP).counts, savings.tokens, savings.cost_usd)


@cache
def _version() -> str:
    # Once, when the first console is opened: it reads the metadata of the installed distribution.
    return version("dualstream")


def _newest(parts: Sequence[Part], known: Mapping[str, Summary]) -> Mapping[str, Summary]:
    """Return the newest ends, newest first, by id: those that are known, and those of the parts."""
    new = {str(summary["id"]): summary for part in parts for summary in part.ended}
    if not new:
        return known
    ended = sorted({**known, **new}.values(), key=_ended_at, reverse=True)
    return {str(summary["id"]): summary for summary in ended[:MAX_RECENT]}


def _read_buckets(answer: Mapping[str, JsonValue]) -> list[Bucket]:
    """Return the buckets of another gateway.

    Raises:
        ValueError: there are none, or they have other bounds than those of this version.
    """
    buckets = _buckets_adapter().validate_python(answer.get("buckets"))
    for bucket in buckets:
        if len(bucket.ttft) not in {0, len(BOUNDS_MS) + 1} or len(bucket.gaps) not in {0, len(GAP_BOUNDS_MS) + 1}:
            message = "its histograms have other bounds"
            raise ValueError(message)
    return buckets


def _answered(answer: Mapping[str, JsonValue] | Exception) -> Mapping[str, JsonValue]:
    """Return the answer of another gateway; an empty one, which can't be read, in place of a failure."""
    return {} if isinstance(answer, Exception) else answer


def _ended_at(summary: Summary) -> float:
    at = summary.get("ended_at")
    return at if isinstance(at, float) else 0.0


def _unknown(name: str) -> Part:
    """Return what is shown of a gateway that has not answered yet."""
    return Part(GatewayRow(name, "", 0.0, False, "up", 0, 0, 0, 0, 0, 0))  # noqa: FBT003 - nothing is known of it
