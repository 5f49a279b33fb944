"""A calibration that lives: it takes outcomes as they become known, and serves later votes only."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from aurora.messages import FloatColumn
from aurora.signal.calibrator import (
    FLEXIBLE_FROM,
    Calibrator,
    calibrator_from_state,
    make_calibrator,
    recommended_method,
)
from aurora.signal.checks import finite, finite_column
from aurora.signal.settings import CalibrationSettings
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "rolling_calibration", 2


class RollingCalibration:
    """P(chosen side is right) from the latest outcomes; any method of :class:`CalibrationSettings`.

    Outcomes of votes with overlapping horizons are learnt from as well, but do not count: whether there are enough, and
    which method ``auto`` takes, goes by those that count. Platt's sigmoid is fitted on all of them until
    :data:`FLEXIBLE_FROM` count; every other method, and any from there on, on those that count, for a shape that
    follows its outcomes would take one that is told many times for many.

    A refit keeps no fit where fewer than ``min_outcomes`` count, there is only one class, or the probability would
    fall as the score rises: such a score is not one.
    """

    def __init__(self, settings: CalibrationSettings) -> None:
        self.settings = settings
        self._scores: list[float] = []
        self._right: list[bool] = []
        self._counts: list[bool] = []
        self._counted = 0
        """How many of these outcomes count."""
        self._calibrator: Calibrator | None = None
        self._fitted_on = 0

    @property
    def fitted_on(self) -> int:
        """Outcomes that count of the fit in use; 0 without one."""
        return self._fitted_on

    @property
    def calibrator(self) -> Calibrator | None:
        """The fit in use."""
        return self._calibrator

    def learn(self, score: float, right: bool, *, counts: bool = True) -> None:
        """Takes one resolved vote: its score towards its side, and whether it was right.

        Args:
            counts: whether it is an outcome of its own; its horizon does not overlap that of any other on its
                instrument that counts.

        Raises:
            DataError: the score is not finite.
        """
        self._scores.append(finite("score", score))
        self._right.append(bool(right))
        self._counts.append(counts)
        self._counted += counts
        if self._counted > 2 * self.settings.max_outcomes:
            self._trim()

    def _trim(self) -> None:
        """Keeps the latest ``max_outcomes`` that count; those that do not, only where they are needed."""
        counted = [place for place, counts in enumerate(self._counts) if counts]
        if len(counted) > self.settings.max_outcomes:
            del counted[: -self.settings.max_outcomes]
            begin = counted[0]
        else:
            begin = 0
        kept = counted if len(counted) >= FLEXIBLE_FROM else range(begin, len(self._counts))
        if len(kept) < len(self._counts):
            self._scores = [self._scores[place] for place in kept]
            self._right = [self._right[place] for place in kept]
            self._counts = [self._counts[place] for place in kept]
            self._counted = len(counted)

    def refit(self) -> None:
        """Fits on the outcomes known now."""
        self._trim()
        method = self.settings.method
        if method == "auto":
            method = recommended_method(self._counted)
        scores, right = self._scores, self._right
        if method != "platt":
            scores = [one for one, counts in zip(scores, self._counts, strict=True) if counts]
            right = [one for one, counts in zip(right, self._counts, strict=True) if counts]
        self._calibrator, self._fitted_on = None, 0
        if self._counted < self.settings.min_outcomes or all(right) or not any(right):
            return
        calibrator = make_calibrator(method)
        calibrator.fit(scores, right)
        if calibrator.rising:
            self._calibrator, self._fitted_on = calibrator, self._counted

    def probability(self, scores: npt.ArrayLike) -> FloatColumn | None:
        """P(right) for scores towards the chosen side; None while there is no valid fit.

        Raises:
            DataError: a score is not finite.
        """
        column = finite_column("scores", scores)
        return None if self._calibrator is None else self._calibrator.predict(column)

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            scores=to_hex(self._scores),
            right=list(self._right),
            counts=list(self._counts),
            fitted_on=self._fitted_on,
            calibrator=None if self._calibrator is None else self._calibrator.state(),
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        scores, right, counts, fitted_on, calibrator = fields_of(
            state, KIND, VERSION, "scores", "right", "counts", "fitted_on", "calibrator"
        )
        self._scores, self._right, self._counts = from_hex(scores), list(right), list(counts)
        self._counted, self._fitted_on = sum(self._counts), fitted_on
        self._calibrator = None if calibrator is None else calibrator_from_state(calibrator)
