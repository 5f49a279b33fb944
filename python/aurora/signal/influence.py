"""How much of a weight may come from what was learnt, by how much there was to learn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from aurora.errors import UsageError
from aurora.signal.checks import at_least, within

STEPS = ((0, 0.2), (10, 0.3), (30, 0.5), (100, 0.7))


def influence(outcomes: int, steps: Sequence[tuple[int, float]] = STEPS) -> float:
    """0.2 below 10 outcomes, 0.3 below 30, 0.5 below 100, 0.7 from there on.

    Args:
        steps: (from so many outcomes, share), rising from 0.

    Raises:
        UsageError: fewer than 0 outcomes.
    """
    at_least("outcomes", outcomes, 0)
    return [share for start, share in steps if outcomes >= start][-1]


def blend(
    prior: Mapping[str, float], learnt: Mapping[str, float], shares: Mapping[str, float]
) -> dict[str, float]:
    """Weights (1 - share) prior + share learnt by engine, made to add up to 1.

    An engine whose prior is 0 was excluded and stays so; what was learnt is first shared out among the others.

    Returns:
        All 0 where the prior is.

    Raises:
        DataError: a weight or share outside [0, 1].
        UsageError: an engine of the prior is missing elsewhere.
    """
    for place, other in (("learnt", learnt), ("shares", shares)):
        missing = sorted(set(prior) - set(other))
        if missing:
            raise UsageError(f"{place} has no engine {missing[0]!r}")
    before = {name: within(f"prior[{name!r}]", weight, 0.0, 1.0) for name, weight in prior.items()}
    active = [name for name, weight in before.items() if weight > 0]
    if not active:
        return before
    known = {name: within(f"learnt[{name!r}]", learnt[name], 0.0, 1.0) for name in active}
    known_total = math.fsum(known.values())
    mixed = dict.fromkeys(before, 0.0)
    for name in active:
        share = within(f"shares[{name!r}]", shares[name], 0.0, 1.0) if known_total > 0 else 0.0
        taught = known[name] / known_total if known_total > 0 else 0.0
        mixed[name] = (1.0 - share) * before[name] + share * taught
    whole = math.fsum(mixed.values())
    return {name: weight / whole for name, weight in mixed.items()} if whole > 0 else before
