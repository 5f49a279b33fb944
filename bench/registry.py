"""How a benchmark is declared, and how a figure is taken so that it can be compared.

A file in `bench/python/` declares one as

    @benchmark(name="book", unit="ns/level", better="lower")
    def book() -> float:
        return repeat(lambda: seconds(run) / levels * 1e9)

and gives back its figure, or a `Figure` where it was measured side by side with a peer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

Better = Literal["lower", "higher"]
LEAST_REPEATS = 5


class Figure(TypedDict):
    """A value; `peer` names what a user would pick instead, `ratio` says how many times better we are."""

    value: float
    peer: NotRequired[str]
    ratio: NotRequired[float]


Measure = Callable[[], float | Figure]


class Unavailable(Exception):
    """What a benchmark needs is not on this machine (captures, a peer): it is left out, and that is said."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    name: str
    unit: str
    better: Better
    measure: Measure


REGISTERED: dict[str, Benchmark] = {}


def benchmark(*, name: str, unit: str, better: Better) -> Callable[[Measure], Measure]:
    """Registers the decorated function under `name`. Raises ValueError when the name is taken."""

    def register(measure: Measure) -> Measure:
        if name in REGISTERED:
            raise ValueError(f"two benchmarks are named {name!r}")
        REGISTERED[name] = Benchmark(name, unit, better, measure)
        return measure

    return register


def repeat(measure: Callable[[], float], *, better: Better = "lower", times: int = LEAST_REPEATS) -> float:
    """The best of `times` figures: whatever else the machine does can only make a figure worse.

    Raises ValueError below five repeats.
    """
    if times < LEAST_REPEATS:
        raise ValueError(f"{times} repeats are too few, take at least {LEAST_REPEATS}")
    figures = [measure() for _ in range(times)]
    return min(figures) if better == "lower" else max(figures)


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call, in seconds."""
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / 1e9


def against(peer: str, *, ours: float, theirs: float, better: Better = "lower") -> Figure:
    """Our figure beside a peer's in the same unit; a ratio above 1 says that ours is better."""
    return Figure(value=ours, peer=peer, ratio=theirs / ours if better == "lower" else ours / theirs)
