"""What is asked of whom, how often, and in which order. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.billing.prices import Price
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
"""Prompts that any model answers with more prose than it may write, so that answers are of one length.

Several, because one alone would soon come from somebody's cache.
"""


class BadPlanError(ValueError):
    """What was asked for can't be measured; the message says what to change."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A target that is measured; its `label` is no other's. `model` is the name that clients use for it."""

    label: str
    model: str
    target: Target

    @property
    def provider(self) -> str:
        """Give the provider's name."""
        return self.target.name

    @property
    def upstream_model(self) -> str:
        """Give the model's name there."""
        return self.target.upstream_model(self.model)

    @property
    def price(self) -> Price | None:
        """Give what its tokens cost; None if nobody told."""
        return self.target.price_of(self.model)


@dataclass(frozen=True, slots=True)
class Plan:
    """`requests` to each of `subjects`, `concurrency` at once. `timeout` is of one request, in seconds.

    `warm_up`: one more request to each before, which does not count.
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
        """Count the requests that count."""
        return self.requests * len(self.subjects)

    def call(self, subject: Subject, number: int) -> UpstreamRequest:
        """Make one of a subject's requests; the same number asks the same of everybody."""
        prompt = self.prompts[number % len(self.prompts)]
        return UpstreamRequest(
            subject.upstream_model, [Message(role="user", content=prompt)], {"max_tokens": self.max_tokens}
        )

    def turns(self) -> Iterator[tuple[Subject, range]]:
        """Give the turns in their order: whom to ask, and the numbers of the requests to send at once.

        In each round each subject has one turn. Providers are slower at some hours than at others, so measuring one
        after the other would compare hours; asking all at once would have two models of one provider share its rate
        limit, and all of them this machine and its line. The round begins with another subject each time, so that
        nobody always follows the same one.
        """
        for number, first in enumerate(range(0, self.requests, self.concurrency)):
            start = number % max(1, len(self.subjects))
            for subject in (*self.subjects[start:], *self.subjects[:start]):
                yield subject, range(first, min(first + self.concurrency, self.requests))


def subjects(models: Sequence[Model], names: Sequence[str] = ()) -> list[Subject]:
    """List the targets of the models with these names, or of all, each with a label of its own.

    Raises:
        BadPlanError: there is no such model, or none at all.
    """
    known = [model.name for model in models]
    if not known:
        message = "no models are configured: name them in the file that --config gives, or in DUALSTREAM_MODEL"
        raise BadPlanError(message)
    for name in names:
        if name not in known:
            message = f"--models: {name!r} is not configured; known are: {', '.join(known)}"
            raise BadPlanError(message)
    chosen = [(model, target) for model in models if not names or model.name in names for target in model.targets]
    taken = Counter(_short(*pair) for pair in chosen)
    return _told_apart([Subject(_label(*pair, taken), pair[0].name, pair[1]) for pair in chosen])


def find(chosen: Sequence[Subject], name: str) -> Subject:
    """Find a subject by its label, or by the name of a model that has no other target.

    Raises:
        BadPlanError: there is none, or more than one.
    """
    found = [one for one in chosen if one.label == name] or [one for one in chosen if one.model == name]
    if len(found) != 1:
        labels = ", ".join(one.label for one in chosen)
        message = f"--baseline: {name!r} is {'no target' if not found else 'several'}; known are: {labels}"
        raise BadPlanError(message)
    return found[0]


def _short(model: Model, target: Target) -> str:
    return f"{target.name}/{target.upstream_model(model.name)}"


def _label(model: Model, target: Target, taken: Counter[str]) -> str:
    """Name what is asked; the client's name for it only where two would be the same."""
    short = _short(model, target)
    return short if taken[short] == 1 else f"{short} ({model.name})"


def _told_apart(labelled: Sequence[Subject]) -> list[Subject]:
    """Number those that are the same by all their names."""
    every, seen, apart = Counter(one.label for one in labelled), Counter[str](), []
    for one in labelled:
        seen[one.label] += 1
        number = f" #{seen[one.label]}" if every[one.label] > 1 else ""
        apart.append(Subject(one.label + number, one.model, one.target))
    return apart
