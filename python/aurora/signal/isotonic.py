"""Isotonic calibration: the rising step that fits the outcomes best, joined by lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn
from aurora.signal.calibrator import Method
from aurora.signal.checks import finite_column, outcome_column, same_length
from aurora.signal.pool_adjacent import gather_ties, pool
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

VERSION = 1


class IsotonicCalibration:
    """Pool adjacent violators; between blocks linear, outside them flat (as scikit-learn's ``IsotonicRegression``).

    Args:
        clip: hold the probability within [1/(n+2), (n+1)/(n+2)]. The bare fit emits exact 0 and 1, whose log loss and
            Kelly fraction have no bound.
    """

    method: Method = "isotonic"
    rising = True

    def __init__(self, clip: bool = True) -> None:
        self.clip = clip
        self._score: FloatColumn = np.empty(0)
        self._value: FloatColumn = np.empty(0)
        self.fitted_on = 0

    def fit(self, scores: npt.ArrayLike, right: npt.ArrayLike) -> None:
        column, outcome = finite_column("scores", scores), outcome_column("right", right)
        same_length("scores", column, "right", outcome)
        if not len(column):
            raise DataError("isotonic: no outcomes to fit on")
        tied = gather_ties(column, outcome)
        places: list[int] = []
        values: list[float] = []
        for block in pool(tied):
            # Both ends of a block carry its mean; a block of one score has one.
            for place in sorted({block.first, block.last}):
                places.append(place)
                values.append(block.right / block.count)
        self._score, self._value = tied.score[places], np.array(values)
        self.fitted_on = len(column)

    def predict(self, scores: npt.ArrayLike) -> FloatColumn:
        if not self.fitted_on:
            raise UsageError("isotonic: there is no fit yet; call fit with scores and outcomes")
        column = finite_column("scores", scores)
        held = np.clip(column, self._score[0], self._score[-1])
        after = np.searchsorted(self._score, held, side="left")
        before = np.maximum(after - 1, 0)
        x0, x1, y0, y1 = self._score[before], self._score[after], self._value[before], self._value[after]
        exact = (held == x1) | (y0 == y1)
        share = (held - x0) / np.where(exact, 1.0, x1 - x0)
        p = np.where(exact, y1, y0 + (y1 - y0) * share)
        if self.clip:
            p = np.clip(p, 1 / (self.fitted_on + 2), (self.fitted_on + 1) / (self.fitted_on + 2))
        return p

    def state(self) -> dict[str, Any]:
        return versioned(
            self.method,
            VERSION,
            clip=self.clip,
            score=to_hex(self._score),
            value=to_hex(self._value),
            fitted_on=self.fitted_on,
        )

    @classmethod
    def from_state(cls, state: Any) -> IsotonicCalibration:
        """The calibrator whose state this is.

        Raises:
            RecoveryError: another kind or version.
        """
        clip, score, value, fitted_on = fields_of(
            state, cls.method, VERSION, "clip", "score", "value", "fitted_on"
        )
        made = cls(clip)
        made._score, made._value = np.array(from_hex(score)), np.array(from_hex(value))
        made.fitted_on = fitted_on
        return made
