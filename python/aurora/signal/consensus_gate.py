"""One score from many votes, and whether it stands out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aurora.errors import UsageError
from aurora.signal.checks import within
from aurora.signal.settings import ConsensusSettings
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "consensus_gate", 1

Verdict = Literal["trade", "no_skill", "no_votes", "warming_up", "below_threshold"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """A vote as the consensus sees it: side -1, 0 or +1, and p = P(the chosen side is right)."""

    side: int
    p: float


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the votes of one instant come to."""

    score: float
    """S = Σ w (2p - 1) side, in [-1, 1]; above 0 is up."""
    deviation: float | None
    """σ_S, not below its floor; None while warming up."""
    threshold: float | None
    """What |S| has to exceed."""
    verdict: Verdict

    @property
    def side(self) -> int:
        """+1, -1, or 0 where nothing is traded."""
        if self.verdict != "trade":
            return 0
        return 1 if self.score > 0 else -1

    @property
    def p(self) -> float:
        """P(the side of the score is right) that the votes amount to: (1 + |S|) / 2."""
        return (1.0 + abs(self.score)) / 2.0


def consensus_score(opinions: Mapping[str, Opinion], weights: Mapping[str, float]) -> float:
    """S = Σ w (2p - 1) side over the engines that voted; one that abstains adds 0.

    Raises:
        DataError: p or a weight outside [0, 1].
        UsageError: a side other than -1, 0 and +1, or an engine without a weight.
    """
    parts = []
    for name, opinion in opinions.items():
        if opinion.side not in (-1, 0, 1):
            raise UsageError(f"side of {name!r} is {opinion.side}; it must be -1, 0 or +1")
        if name not in weights:
            raise UsageError(f"no weight for engine {name!r}")
        weight = within(f"weight of {name!r}", weights[name], 0.0, 1.0)
        p = within(f"p of {name!r}", opinion.p, 0.0, 1.0)
        parts.append(weight * (2.0 * p - 1.0) * opinion.side)
    return math.fsum(parts)


class ConsensusGate:
    """Trade when |S| > k σ_S, σ_S over earlier scores of the same instrument (the one judged is not among them).

    Alone that would fire on 45 % of noise, hence a floor on σ_S and a warm-up. Instants without skill or without a
    vote leave the window as it is.
    """

    def __init__(self, settings: ConsensusSettings) -> None:
        self.settings = settings
        self._scores: list[float] = []

    @property
    def deviation(self) -> float | None:
        """Sample deviation of the window, not below the floor; None while warming up."""
        count = len(self._scores)
        if count < self.settings.warm_up:
            return None
        mean = math.fsum(self._scores) / count
        variance = math.fsum([(score - mean) * (score - mean) for score in self._scores]) / (count - 1)
        return max(math.sqrt(variance), self.settings.floor)

    def judge(self, opinions: Mapping[str, Opinion], weights: Mapping[str, float]) -> Consensus:
        """Scores one instant, judges it by the scores before it, and remembers it.

        Raises:
            DataError, UsageError: as :func:`consensus_score`.
        """
        score = consensus_score(opinions, weights)
        if not any(weight > 0 for weight in weights.values()):
            return Consensus(0.0, None, None, "no_skill")
        if not any(opinion.side and weights[name] > 0 for name, opinion in opinions.items()):
            return Consensus(0.0, None, None, "no_votes")
        deviation = self.deviation
        self._scores.append(score)
        del self._scores[: -self.settings.window]
        if deviation is None:
            return Consensus(score, None, None, "warming_up")
        threshold = self.settings.threshold * deviation
        return Consensus(
            score, deviation, threshold, "trade" if abs(score) > threshold else "below_threshold"
        )

    def state(self) -> dict[str, Any]:
        return versioned(KIND, VERSION, scores=to_hex(self._scores))

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        (scores,) = fields_of(state, KIND, VERSION, "scores")
        self._scores = from_hex(scores)
