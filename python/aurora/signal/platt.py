"""Platt scaling: a sigmoid from score to probability (Platt 1999; fitted as Lin, Lin and Weng 2007)."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from aurora._core import platt_fit, platt_probability
from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn
from aurora.signal.calibrator import Method
from aurora.signal.checks import finite_column, outcome_column, same_length
from aurora.signal.portable_math import log
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

VERSION = 1


class PlattScaling:
    """p = 1 / (1 + exp(a s + b)) with Platt's smoothed targets (N+ + 1)/(N+ + 2) and 1/(N- + 2).

    The targets keep the fit finite when scores separate the outcomes, and make a single class the constant target.
    """

    method: Method = "platt"

    def __init__(self) -> None:
        self._fit: tuple[float, float] | None = None
        self.fitted_on = 0

    @property
    def parameters(self) -> tuple[float, float]:
        """a and b; a is negative where higher scores mean right.

        Raises:
            UsageError: there is no fit yet.
        """
        if self._fit is None:
            raise UsageError("platt: there is no fit yet; call fit with scores and outcomes")
        return self._fit

    @property
    def rising(self) -> bool:
        return self.parameters[0] <= 0

    def fit(self, scores: npt.ArrayLike, right: npt.ArrayLike) -> None:
        column, outcome = finite_column("scores", scores), outcome_column("right", right)
        same_length("scores", column, "right", outcome)
        count = len(column)
        if not count:
            raise DataError("platt: no outcomes to fit on")
        hits = int(outcome.sum())
        if 0 < hits < count:
            self._fit = platt_fit(column, outcome)
        else:
            # One class: every target is the same, so the sigmoid is flat at it: p = (hits + 1) / (count + 2).
            self._fit = (0.0, log((count - hits + 1) / (hits + 1)))
        self.fitted_on = count

    def predict(self, scores: npt.ArrayLike) -> FloatColumn:
        a, b = self.parameters
        return platt_probability(a, b, finite_column("scores", scores))

    def state(self) -> dict[str, Any]:
        fit = None if self._fit is None else to_hex(self._fit)
        return versioned(self.method, VERSION, fit=fit, fitted_on=self.fitted_on)

    @classmethod
    def from_state(cls, state: Any) -> PlattScaling:
        """The calibrator whose state this is.

        Raises:
            RecoveryError: another kind or version.
        """
        fit, fitted_on = fields_of(state, cls.method, VERSION, "fit", "fitted_on")
        made = cls()
        if fit is not None:
            a, b = from_hex(fit)
            made._fit = (a, b)
        made.fitted_on = fitted_on
        return made
