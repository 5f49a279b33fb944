"""Learning which engine to follow: upper confidence bounds, and Hedge for full information."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aurora.errors import DataError, UsageError
from aurora.signal.checks import finite, positive, within
from aurora.signal.portable_math import exp, log
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "hedge", 1


def upper_confidence(mean: float, count: float, total: float, exploration: float = 1.0) -> float:
    """UCB1 (Auer, Cesa-Bianchi and Fischer 2002): mean + exploration · sqrt(2 ln total / count).

    Infinite for an arm that was never pulled: it comes first.

    Args:
        mean: reward so far, in [0, 1].
        count: pulls of this arm; may be discounted.
        total: pulls of all arms; below 1 there is no bonus.

    Raises:
        DataError: a mean outside [0, 1], or a count below 0 or above the total.
    """
    reward = within("mean", mean, 0.0, 1.0)
    pulls = finite("count", count)
    if not 0 <= pulls <= finite("total", total):
        raise DataError(f"count is {pulls:g} of {total:g}; it must lie between 0 and the total")
    if pulls == 0:
        return math.inf
    return reward + exploration * math.sqrt(2.0 * log(max(total, 1.0)) / pulls)


def confidence_weights(
    means: Mapping[str, float], counts: Mapping[str, float], exploration: float = 1.0
) -> dict[str, float]:
    """Weights in proportion to the upper confidence bounds; an engine never seen counts like the best seen one.

    A bound picks an arm and is no weight of itself: proportion is this project's reading of "performance plus an
    exploration bonus". Even weights where all bounds are 0 or nothing was seen.

    Raises:
        DataError: as :func:`upper_confidence`.
    """
    total = math.fsum(counts.values())
    bounds = {name: upper_confidence(means[name], counts[name], total, exploration) for name in means}
    best = max((bound for bound in bounds.values() if math.isfinite(bound)), default=0.0)
    held = {name: min(bound, best) for name, bound in bounds.items()}
    whole = math.fsum(held.values())
    return {name: bound / whole if whole > 0 else 1.0 / len(held) for name, bound in held.items()}


class Hedge:
    """Exponential weights with a share spread evenly at each step (Freund, Schapire 1997; Herbster, Warmuth 1998).

    Rewards lie in [0, 1]. Engines without a reward at a step sleep: their weight stays, and those awake trade weight
    among themselves only (Freund et al. 1997). Without sleepers and with share 0 the regret against the best engine
    is at most ln K / rate + rate T / 8.
    """

    def __init__(self, engines: Sequence[str], rate: float, share: float = 0.0) -> None:
        if not engines or len(set(engines)) != len(engines):
            raise UsageError("engines: none, or a name occurs twice")
        self.rate = positive("rate", rate)
        self.share = within("share", share, 0.0, 1.0)
        self.weights = {name: 1.0 / len(engines) for name in engines}

    def learn(self, rewards: Mapping[str, float]) -> None:
        """Takes the rewards of one step.

        Raises:
            DataError: a reward outside [0, 1].
            UsageError: an unknown engine.
        """
        unknown = sorted(set(rewards) - set(self.weights))
        if unknown:
            raise UsageError(f"no engine is called {unknown[0]!r}; there are {', '.join(self.weights)}")
        awake = {
            name: within(f"rewards[{name!r}]", rewards[name], 0.0, 1.0)
            for name in self.weights
            if name in rewards
        }
        if not awake:
            return
        best = max(awake.values())
        grown = {name: self.weights[name] * exp(self.rate * (r - best)) for name, r in awake.items()}
        held, now = math.fsum(self.weights[name] for name in awake), math.fsum(grown.values())
        weights = dict(self.weights)
        if now > 0:
            weights.update({name: value / now * held for name, value in grown.items()})
        even = self.share / len(weights)
        mixed = {name: (1.0 - self.share) * weight + even for name, weight in weights.items()}
        # Rounding may not pile up over a long life.
        whole = math.fsum(mixed.values())
        self.weights = {name: weight / whole for name, weight in mixed.items()}

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            engines=list(self.weights),
            weights=to_hex(self.weights.values()),
            knobs=to_hex([self.rate, self.share]),
        )

    @classmethod
    def from_state(cls, state: Any) -> Hedge:
        """Raises RecoveryError for another kind or version."""
        engines, weights, knobs = fields_of(state, KIND, VERSION, "engines", "weights", "knobs")
        rate, share = from_hex(knobs)
        made = cls(engines, rate, share)
        made.weights = dict(zip(engines, from_hex(weights), strict=True))
        return made
