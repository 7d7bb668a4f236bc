"""The plan of a run: targets, prompts, number and order of requests. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.billing.prices import Price
from gateway.cli.bench.output import BadPlanError
from gateway.protocol.commands import Message
from gateway.routing.model import Model
from gateway.routing.target import Target
from gateway.upstreams.base import UpstreamRequest

PROMPTS = (
    "Explain in plain words how a bicycle stays upright while it is ridden.",
    "Describe how bread is made, from the grain to the loaf.",
    "Tell the story of a lighthouse keeper's longest night.",
    "Explain to a new colleague what a database index is, and when it does harm.",
    "Describe a walk through a city in the rain, street by street.",
)
"""Prompts that any model answers with more prose than `max_tokens` allows, so that answers have the same length.

There are several, because the answer to a single one could soon come from a provider's cache.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A target to measure, with a unique `label`. `model` is the name that clients use for it."""

    label: str
    model: str
    target: Target

    @property
    def provider(self) -> str:
        """Return the provider's name."""
        return self.target.name

    @property
    def upstream_model(self) -> str:
        """Return the provider's name of the model."""
        return self.target.upstream_model(self.model)

    @property
    def price(self) -> Price | None:
        """Return the price of its tokens; None if it is not known."""
        return self.target.price_of(self.model)


@dataclass(frozen=True, slots=True)
class Plan:
    """`requests` to each of `subjects`, `concurrency` at once. `timeout` is the limit of one request, in seconds.

    `warm_up`: first send one uncounted request to each.
    """

    subjects: Sequence[Subject]
    requests: int = 20
    concurrency: int = 4
    max_tokens: int = 160
    prompts: Sequence[str] = PROMPTS
    timeout: float = 60.0
    warm_up: bool = False

    @property
    def total(self) -> int:
        """Return the number of requests, without those of the warm-up."""
        return self.requests * len(self.subjects)

    def request(self, subject: Subject, number: int) -> UpstreamRequest:
        """Build one request to a subject. The same number means the same prompt for every subject."""
        prompt = self.prompts[number % len(self.prompts)]
        return UpstreamRequest(
            subject.upstream_model, [Message(role="user", content=prompt)], {"max_tokens": self.max_tokens}
        )

    def turns(self) -> Iterator[tuple[Subject, range]]:
        """Yield the turns in order: a subject, and the numbers of its requests to send at once.

        In each round every subject has one turn. Providers are slower at some hours, so measuring one after the other
        would compare hours. Measuring all at once would make models of one provider share its rate limit, and all of
        them this machine and its network. Each round starts with another subject, so that no subject always follows
        the same one.
        """
        for number, first in enumerate(range(0, self.requests, self.concurrency)):
            start = number % max(1, len(self.subjects))
            for subject in (*self.subjects[start:], *self.subjects[:start]):
                yield subject, range(first, min(first + self.concurrency, self.requests))


def subjects(models: Sequence[Model], names: Sequence[str] = ()) -> list[Subject]:
    """Return the targets of the models with these names, or of all models, each with a unique label.

    Raises:
        BadPlanError: if a name is unknown, or no models are configured.
    """
    known = [model.name for model in models]
    if not known:
        message = "no models are configured: add them to the file of --config, or set DUALSTREAM_MODEL"
        raise BadPlanError(message)
    for name in names:
        if name not in known:
            message = f"--models: {name!r} is not configured; use one of: {', '.join(known)}"
            raise BadPlanError(message)
    chosen = [(model, target) for model in models if not names or model.name in names for target in model.targets]
    counts = Counter(_short_label(*pair) for pair in chosen)
    return _number_duplicates([Subject(_label(*pair, counts), pair[0].name, pair[1]) for pair in chosen])


def find(chosen: Sequence[Subject], name: str) -> Subject:
    """Return the subject with this label, or the only subject of the model with this name.

    Raises:
        BadPlanError: if there is none, or more than one.
    """
    found = [subject for subject in chosen if subject.label == name] or [
        subject for subject in chosen if subject.model == name
    ]
    if len(found) != 1:
        labels = ", ".join(subject.label for subject in chosen)
        message = (
            f"--baseline: {name!r} matches {'no target' if not found else 'several targets'}; use one of: {labels}"
        )
        raise BadPlanError(message)
    return found[0]


def _short_label(model: Model, target: Target) -> str:
    return f"{target.name}/{target.upstream_model(model.name)}"


def _label(model: Model, target: Target, counts: Counter[str]) -> str:
    """Return provider and upstream model; with the client's name of the model if that is not unique."""
    short = _short_label(model, target)
    return short if counts[short] == 1 else f"{short} ({model.name})"


def _number_duplicates(labelled: Sequence[Subject]) -> list[Subject]:
    """Append a number to labels that are still not unique."""
    counts, seen, numbered = Counter(subject.label for subject in labelled), Counter[str](), []
    for subject in labelled:
        seen[subject.label] += 1
        number = f" #{seen[subject.label]}" if counts[subject.label] > 1 else ""
        numbered.append(Subject(subject.label + number, subject.model, subject.target))
    return numbered
