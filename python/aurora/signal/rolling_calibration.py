"""A calibration that lives: it takes outcomes as they become known, and serves later votes only."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from aurora.messages import FloatColumn
from aurora.signal.calibrator import Calibrator, calibrator_from_state, make_calibrator, recommended_method
from aurora.signal.checks import finite, finite_column
from aurora.signal.settings import CalibrationSettings
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "rolling_calibration", 1


class RollingCalibration:
    """P(chosen side is right) from the latest outcomes; any method of :class:`CalibrationSettings`.

    A refit keeps no fit where there are fewer than ``min_outcomes``, only one class, or where the probability would
    fall as the score rises: such a score is not one.
    """

    def __init__(self, settings: CalibrationSettings) -> None:
        self.settings = settings
        self._scores: list[float] = []
        self._right: list[bool] = []
        self._calibrator: Calibrator | None = None

    @property
    def fitted_on(self) -> int:
        """Outcomes of the fit in use; 0 without one."""
        return 0 if self._calibrator is None else self._calibrator.fitted_on

    @property
    def calibrator(self) -> Calibrator | None:
        """The fit in use."""
        return self._calibrator

    def learn(self, score: float, right: bool) -> None:
        """Takes one resolved vote: its score towards its side, and whether it was right.

        Raises:
            DataError: the score is not finite.
        """
        self._scores.append(finite("score", score))
        self._right.append(bool(right))
        if len(self._scores) > 2 * self.settings.max_outcomes:
            del self._scores[: -self.settings.max_outcomes]
            del self._right[: -self.settings.max_outcomes]

    def refit(self) -> None:
        """Fits on the outcomes known now."""
        scores = self._scores[-self.settings.max_outcomes :]
        right = self._right[-self.settings.max_outcomes :]
        self._calibrator = None
        if len(scores) < self.settings.min_outcomes or all(right) or not any(right):
            return
        method = self.settings.method
        calibrator = make_calibrator(recommended_method(len(scores)) if method == "auto" else method)
        calibrator.fit(scores, right)
        if calibrator.rising:
            self._calibrator = calibrator

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
            calibrator=None if self._calibrator is None else self._calibrator.state(),
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        scores, right, calibrator = fields_of(state, KIND, VERSION, "scores", "right", "calibrator")
        self._scores, self._right = from_hex(scores), list(right)
        self._calibrator = None if calibrator is None else calibrator_from_state(calibrator)
