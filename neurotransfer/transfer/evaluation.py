"""What is known of a picture: its losses by name, and their gradient."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from neurotransfer.system.array import Array


class Losses(Mapping[str, float]):
    """The terms of the total loss by name, weights included; a term that is switched off is 0."""

    def __init__(self, terms: Mapping[str, float]) -> None:
        self._terms = dict(terms)

    def __getitem__(self, name: str) -> float:
        return self._terms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def __repr__(self) -> str:
        return f"Losses({self._terms})"

    @property
    def total(self) -> float:
        """The sum of the terms: what is minimized."""
        return sum(self._terms.values())


class Evaluation(NamedTuple):
    """A picture (H, W, 3) with its losses and, where asked for, d total / d pixel of the same shape."""

    image: Array
    losses: Losses
    gradient: Array | None


class Evaluate(Protocol):
    """A picture (H, W, 3) -> its losses and their gradient: an `Objective`, or what stands for one."""

    def __call__(self, image: Array, *, gradient: bool = True) -> Evaluation:
        """Evaluate ``image``."""
