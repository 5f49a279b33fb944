"""Venn-Abers calibration: two isotonic fits per score, one for each outcome it may yet have (Vovk, Petej 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn
from aurora.signal.calibrator import Method
from aurora.signal.checks import finite_column, outcome_column, same_length
from aurora.signal.pool_adjacent import gather_ties
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

VERSION = 1


class VennAbersCalibration:
    """Inductive Venn-Abers predictor (Vovk, Petej and Fedorova 2015).

    ``interval`` gives p0 and p1: isotonic calibrations with the new score counted once as wrong, once as right. The
    single probability is p1 / (1 - p0 + p1); the width p1 - p0 says how little is known at this score.
    """

    method: Method = "venn_abers"
    rising = True

    def __init__(self) -> None:
        self._score: FloatColumn = np.empty(0)
        self._p0: FloatColumn = np.empty(0)
        """p0 at each distinct score; below the first it is 0."""
        self._p1: FloatColumn = np.empty(0)
        """p1 at each distinct score; above the last it is 1."""
        self.fitted_on = 0

    def fit(self, scores: npt.ArrayLike, right: npt.ArrayLike) -> None:
        column, outcome = finite_column("scores", scores), outcome_column("right", right)
        same_length("scores", column, "right", outcome)
        if not len(column):
            raise DataError("venn_abers: no outcomes to fit on")
        tied = gather_ties(column, outcome)
        wrong = [count - hits for count, hits in zip(tied.count, tied.right, strict=True)]
        as_right = _slopes_with_one_more(tied.count, tied.right)
        # Turned around (scores from high to low, right for wrong), "one more wrong" is "one more right".
        as_wrong = _slopes_with_one_more(tied.count[::-1], wrong[::-1])[::-1]
        self._p1 = np.array([hits / count for hits, count in as_right])
        self._p0 = np.array([(count - misses) / count for misses, count in as_wrong])
        self._score = tied.score
        self.fitted_on = len(column)

    def interval(self, scores: npt.ArrayLike) -> tuple[FloatColumn, FloatColumn]:
        """p0 and p1 at each score.

        Raises:
            DataError: a score is not finite.
            UsageError: there is no fit yet.
        """
        if not self.fitted_on:
            raise UsageError("venn_abers: there is no fit yet; call fit with scores and outcomes")
        column = finite_column("scores", scores)
        p0 = np.concatenate([[0.0], self._p0])[np.searchsorted(self._score, column, side="right")]
        p1 = np.concatenate([self._p1, [1.0]])[np.searchsorted(self._score, column, side="left")]
        return p0, p1

    def predict(self, scores: npt.ArrayLike) -> FloatColumn:
        p0, p1 = self.interval(scores)
        return p1 / (1.0 - p0 + p1)

    def state(self) -> dict[str, Any]:
        return versioned(
            self.method,
            VERSION,
            score=to_hex(self._score),
            p0=to_hex(self._p0),
            p1=to_hex(self._p1),
            fitted_on=self.fitted_on,
        )

    @classmethod
    def from_state(cls, state: Any) -> VennAbersCalibration:
        """The calibrator whose state this is.

        Raises:
            RecoveryError: another kind or version.
        """
        score, p0, p1, fitted_on = fields_of(state, cls.method, VERSION, "score", "p0", "p1", "fitted_on")
        made = cls()
        made._score, made._p0, made._p1 = (np.array(from_hex(column)) for column in (score, p0, p1))
        made.fitted_on = fitted_on
        return made


def _slopes_with_one_more(count: list[int], right: list[int]) -> list[tuple[int, int]]:
    """For each group, the isotonic mean of that group when it has one more vote, a right one: (right, count).

    On the cumulative sum diagram the mean is the slope of the greatest convex minorant over the group. The extra vote
    moves every point from the group's end on by (1, 1), so the slope is that of the common tangent of two minorants:
    of the points before the group, and of the moved points after it. Integers keep it exact.
    """
    size = len(count)
    xs, ys = [0], [0]
    for more, hits in zip(count, right, strict=True):
        xs.append(xs[-1] + more)
        ys.append(ys[-1] + hits)

    # Next corner of the minorant of points i, i+1, ...; and of points ..., i-1, i.
    after = _corners(xs, ys, range(size, 0, -1))
    before = _corners(xs, ys, range(size))

    answers = []
    for group in range(size):
        left, end = group, group + 1
        while True:
            run, rise = xs[end] + 1 - xs[left], ys[end] + 1 - ys[left]
            further = after[end]
            if further and (ys[further] + 1 - ys[left]) * run <= rise * (xs[further] + 1 - xs[left]):
                end = further
                continue
            further = before[left]
            if further >= 0 and (ys[end] + 1 - ys[further]) * run >= rise * (xs[end] + 1 - xs[further]):
                left = further
                continue
            break
        answers.append((rise, run))
    return answers


def _corners(xs: list[int], ys: list[int], order: range) -> dict[int, int]:
    """For each point of ``order`` the corner before it (in that order) of the lower hull of the points so far.

    The first has none: 0 or -1, whichever is no point on that side.
    """
    nowhere = 0 if order.step < 0 else -1
    corner: dict[int, int] = {}
    hull: list[int] = []
    for point in order:
        while len(hull) > 1:
            last, earlier = hull[-1], hull[-2]
            turn = (ys[last] - ys[earlier]) * (xs[point] - xs[earlier]) - (ys[point] - ys[earlier]) * (
                xs[last] - xs[earlier]
            )
            # Above the chord, or on it: no corner. The sign of the runs turns with the direction.
            if (turn if order.step > 0 else -turn) < 0:
                break
            hull.pop()
        corner[point] = hull[-1] if hull else nowhere
        hull.append(point)
    return corner
