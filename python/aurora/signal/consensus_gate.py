"""One score from many votes, and whether it stands out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn
from aurora.signal.checks import within
from aurora.signal.settings import ConsensusSettings
from aurora.signal.state import fields_of, versioned

KIND, VERSION = "consensus_gate", 2

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


QUANTUM = 2.0**-26
"""Scores are remembered as whole multiples of this, so that sums over a window are exact however time was cut."""


@dataclass(frozen=True, slots=True)
class Judgements:
    """Scores of many instants against those before each of them."""

    deviation: FloatColumn
    """NaN while warming up."""
    trade: npt.NDArray[np.bool_]

    @property
    def warming_up(self) -> npt.NDArray[np.bool_]:
        return np.isnan(self.deviation)


class ConsensusGate:
    """Trade when |S| > k σ_S, σ_S over earlier scores of the same instrument (the one judged is not among them).

    Alone that would fire on 45 % of noise, hence a floor on σ_S and a warm-up. Instants without skill or without a
    vote leave the window as it is.
    """

    def __init__(self, settings: ConsensusSettings) -> None:
        self.settings = settings
        self._scores: list[int] = []
        """Latest scores, in quanta."""
        self._sum = self._squares = 0

    @property
    def deviation(self) -> float | None:
        """Sample deviation of the window, not below the floor; None while warming up."""
        count = len(self._scores)
        if count < self.settings.warm_up:
            return None
        variance = (self._squares - self._sum * self._sum / count) / (count - 1)
        return max(math.sqrt(max(variance, 0.0)) * QUANTUM, self.settings.floor)

    def _remember(self, score: int) -> None:
        self._scores.append(score)
        self._sum += score
        self._squares += score * score
        if len(self._scores) > self.settings.window:
            oldest = self._scores.pop(0)
            self._sum -= oldest
            self._squares -= oldest * oldest

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
        self._remember(round(score / QUANTUM))
        if deviation is None:
            return Consensus(score, None, None, "warming_up")
        threshold = self.settings.threshold * deviation
        return Consensus(
            score, deviation, threshold, "trade" if abs(score) > threshold else "below_threshold"
        )

    def judge_many(self, scores: FloatColumn) -> Judgements:
        """The same for scores of consecutive instants, in one go: each judged by those before it, then remembered.

        Raises:
            DataError: a score outside [-1, 1].
        """
        fresh = len(scores)
        if not fresh:
            return Judgements(np.empty(0), np.empty(0, np.bool_))
        if not (np.abs(scores) <= 1.0 + 1e-9).all():
            raise DataError("a consensus score lies outside [-1, 1]")
        settings, held = self.settings, len(self._scores)
        quanta = np.empty(held + fresh, np.int64)
        quanta[:held] = self._scores
        quanta[held:] = np.rint(scores / QUANTUM).astype(np.int64)
        # Sums of squares may wrap around; differences over a window come out right all the same.
        sums, squares = np.zeros((2, held + fresh + 1), np.int64)
        np.cumsum(quanta, out=sums[1:])
        np.cumsum(quanta * quanta, out=squares[1:])
        end = np.arange(held, held + fresh)
        begin = np.maximum(end - settings.window, 0)
        count = (end - begin).astype(np.float64)
        total = (sums[end] - sums[begin]).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = ((squares[end] - squares[begin]).astype(np.float64) - total * total / count) / (
                count - 1
            )
            deviation = np.maximum(np.sqrt(np.maximum(variance, 0.0)) * QUANTUM, settings.floor)
        deviation[count < settings.warm_up] = np.nan
        self._scores = quanta[-settings.window :].tolist()
        self._sum = sum(self._scores)
        self._squares = sum(score * score for score in self._scores)
        with np.errstate(invalid="ignore"):
            trade = np.abs(scores) > settings.threshold * deviation
        return Judgements(deviation, trade)

    def state(self) -> dict[str, Any]:
        return versioned(KIND, VERSION, scores=list(self._scores))

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        (self._scores,) = fields_of(state, KIND, VERSION, "scores")
        self._sum = sum(self._scores)
        self._squares = sum(score * score for score in self._scores)
