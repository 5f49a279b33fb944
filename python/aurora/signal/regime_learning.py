"""What outcomes teach about engines, kept apart by regime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora.errors import UsageError
from aurora.signal.bandit import Hedge, confidence_weights
from aurora.signal.checks import finite, positive, within
from aurora.signal.influence import blend, influence
from aurora.signal.portable_math import half_life_decay
from aurora.signal.settings import LearningSettings
from aurora.signal.state import fields_of, versioned

KIND, VERSION = "regime_learning", 1
NEUTRAL = 0.5
"""Reward of a move of 0, and the average of an engine of which nothing is known."""


def reward(side: int, return_bps: float, scale_bps: float) -> float:
    """A vote's move in its own direction as a reward in [0, 1]: 1/2 + side · return / (2 scale), held within.

    Raises:
        DataError: a return that is not finite, or a scale not above 0.
        UsageError: a side other than -1 and +1.
    """
    if side not in (-1, 1):
        raise UsageError(f"side is {side}; it must be -1 or +1")
    moved = side * finite("return_bps", return_bps) / positive("scale_bps", scale_bps)
    return max(0.0, min(1.0, NEUTRAL + moved / 2.0))


@dataclass(slots=True)
class Performance:
    """One engine in one regime."""

    outcomes: int = 0
    weight: float = 0.0
    """Outcomes, the older the less."""
    reward: float = 0.0
    """Their rewards, weighted alike."""

    @property
    def mean(self) -> float:
        return self.reward / self.weight if self.weight > 0 else NEUTRAL


class RegimeLearning:
    """Weights of engines per regime, from every resolved vote, traded or not.

    ``ucb``: exponentially averaged reward (half-life in the engine's own outcomes) plus an upper confidence bonus over
    the faded counts; ``hedge``: exponential weights over the rewards of each instant. What was learnt mixes with the
    consensus weights by :func:`aurora.signal.influence` of the engine's outcomes in the regime.
    """

    def __init__(self, engines: Sequence[str], settings: LearningSettings) -> None:
        if not engines or len(set(engines)) != len(engines):
            raise UsageError("engines: none, or a name occurs twice")
        self.engines = tuple(engines)
        self.settings = settings
        self._fade = half_life_decay(1.0, settings.half_life)
        self._performance: dict[str, dict[str, Performance]] = {}
        self._hedges: dict[str, Hedge] = {}

    def performance(self, regime: str, engine: str) -> Performance:
        """What is known of an engine in a regime; nothing yet gives an empty one."""
        return self._performance.get(regime, {}).get(engine, Performance())

    def learn(self, regime: str, rewards: Mapping[str, float]) -> None:
        """Takes the rewards of the votes resolved together at one instant, cast in this regime.

        Raises:
            DataError: a reward outside [0, 1].
            UsageError: an unknown engine.
        """
        unknown = sorted(set(rewards) - set(self.engines))
        if unknown:
            raise UsageError(f"no engine is called {unknown[0]!r}; there are {', '.join(self.engines)}")
        checked = {name: within(f"rewards[{name!r}]", value, 0.0, 1.0) for name, value in rewards.items()}
        seen = self._performance.setdefault(regime, {name: Performance() for name in self.engines})
        for name in self.engines:
            if name in checked:
                one = seen[name]
                one.outcomes += 1
                one.weight = one.weight * self._fade + 1.0
                one.reward = one.reward * self._fade + checked[name]
        if regime not in self._hedges:
            self._hedges[regime] = Hedge(self.engines, self.settings.learning_rate, self.settings.share)
        self._hedges[regime].learn(checked)

    def learnt(self, regime: str) -> dict[str, float]:
        """Weights by what was learnt alone; they add up to 1."""
        if self.settings.method == "hedge":
            hedge = self._hedges.get(regime)
            if hedge is None:
                return {name: 1.0 / len(self.engines) for name in self.engines}
            return dict(hedge.weights)
        known = {name: self.performance(regime, name) for name in self.engines}
        return confidence_weights(
            {name: one.mean for name, one in known.items()},
            {name: one.weight for name, one in known.items()},
            self.settings.exploration,
        )

    def influence(self, regime: str, engine: str) -> float:
        """Share of what was learnt in this engine's weight."""
        return influence(self.performance(regime, engine).outcomes, self.settings.influence)

    def weights(self, regime: str, prior: Mapping[str, float]) -> dict[str, float]:
        """Consensus weights mixed with what was learnt; an engine excluded by its prior of 0 stays so.

        Raises:
            DataError: a prior outside [0, 1].
            UsageError: an unknown engine in the prior.
        """
        unknown = sorted(set(prior) - set(self.engines))
        if unknown:
            raise UsageError(f"no engine is called {unknown[0]!r}; there are {', '.join(self.engines)}")
        return blend(prior, self.learnt(regime), {name: self.influence(regime, name) for name in prior})

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            engines=list(self.engines),
            performance={
                regime: [[one.outcomes, one.weight.hex(), one.reward.hex()] for one in seen.values()]
                for regime, seen in sorted(self._performance.items())
            },
            hedges={regime: hedge.state() for regime, hedge in sorted(self._hedges.items())},
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
            UsageError: a state of other engines.
        """
        engines, performance, hedges = fields_of(state, KIND, VERSION, "engines", "performance", "hedges")
        if tuple(engines) != self.engines:
            raise UsageError(f"state of engines {', '.join(engines)}, expected {', '.join(self.engines)}")
        self._performance = {
            regime: {
                name: Performance(outcomes, float.fromhex(weight), float.fromhex(value))
                for name, (outcomes, weight, value) in zip(self.engines, rows, strict=True)
            }
            for regime, rows in performance.items()
        }
        self._hedges = {regime: Hedge.from_state(part) for regime, part in hedges.items()}
