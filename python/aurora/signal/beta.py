"""Beta calibration (Kull, Silva Filho and Flach 2017): a sigmoid in log p and log (1 - p)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn
from aurora.signal.calibrator import Method
from aurora.signal.checks import BoolColumn, finite_column, outcome_column, probability_column, same_length
from aurora.signal.logistic_fit import combine, fit_logistic, log_loss_of
from aurora.signal.portable_math import log, log_column, logistic_column, softplus_column, total
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

VERSION = 1
EDGE = 2.0**-52
"""Probabilities are held this far from 0 and 1 before their logarithm is taken (as betacal does)."""
FLAT = 1e-9
"""Slope of the loss, per row and standard deviation, that counts as none."""

Link = Literal["probability", "logistic", "standardised"]


class BetaCalibration:
    """logit p = a ln s - b ln(1 - s) + c with a, b >= 0 (the paper's "abm").

    The fit is the maximum likelihood under a, b >= 0, so the map never falls. Where a threshold separates the outcomes
    that maximum does not exist, and Platt's smoothed targets are used instead.

    Args:
        link: what a score is. ``probability``: s itself, in [0, 1]; ``logistic``: s = 1 / (1 + exp(-score));
            ``standardised``: the same of (score - mean) / deviation over the fitted scores, so that units do not
            matter.
    """

    method: Method = "beta"
    rising = True

    def __init__(self, link: Link = "standardised") -> None:
        if link not in ("probability", "logistic", "standardised"):
            raise UsageError(
                f"beta: no link is called {link!r}; there are probability, logistic, standardised"
            )
        self.link: Link = link
        self._location = (0.0, 1.0)
        self._fit: tuple[float, float, float] | None = None
        self.fitted_on = 0

    @property
    def parameters(self) -> tuple[float, float, float]:
        """a, b and c.

        Raises:
            UsageError: there is no fit yet.
        """
        if self._fit is None:
            raise UsageError("beta: there is no fit yet; call fit with scores and outcomes")
        return self._fit

    @property
    def midpoint(self) -> float | None:
        """The paper's m: the s that maps to one half; None where the map is flat.

        Raises:
            UsageError: there is no fit yet.
        """
        a, b, c = self.parameters
        if a == 0 and b == 0:
            return None
        low, high = 0.0, 1.0
        while low < (middle := low + (high - low) / 2) < high:
            if a * log(middle) - b * log(1.0 - middle) + c < 0:
                low = middle
            else:
                high = middle
        return high

    def fit(self, scores: npt.ArrayLike, right: npt.ArrayLike) -> None:
        column, outcome = self._scores(scores), outcome_column("right", right)
        same_length("scores", column, "right", outcome)
        if not len(column):
            raise DataError("beta: no outcomes to fit on")
        location = _location(column) if self.link == "standardised" else (0.0, 1.0)
        features = self._features(column, location)
        self._fit = _constrained(features, _targets(column, outcome))
        self._location = location
        self.fitted_on = len(column)

    def predict(self, scores: npt.ArrayLike) -> FloatColumn:
        a, b, c = self.parameters
        yes, no = self._features(self._scores(scores), self._location)
        return logistic_column(a * yes + b * no + c)

    def _scores(self, scores: npt.ArrayLike) -> FloatColumn:
        if self.link == "probability":
            return probability_column("scores", scores)
        return finite_column("scores", scores)

    def _features(
        self, column: FloatColumn, location: tuple[float, float]
    ) -> tuple[FloatColumn, FloatColumn]:
        """ln s and -ln(1 - s)."""
        if self.link == "probability":
            held = np.clip(column, EDGE, 1.0 - EDGE)
            return log_column(held), -log_column(1.0 - held)
        logit = (column - location[0]) / location[1]
        return -softplus_column(-logit), softplus_column(logit)

    def state(self) -> dict[str, Any]:
        return versioned(
            self.method,
            VERSION,
            link=self.link,
            location=to_hex(self._location),
            fit=None if self._fit is None else to_hex(self._fit),
            fitted_on=self.fitted_on,
        )

    @classmethod
    def from_state(cls, state: Any) -> BetaCalibration:
        """The calibrator whose state this is.

        Raises:
            RecoveryError: another kind or version.
        """
        link, location, fit, fitted_on = fields_of(
            state, cls.method, VERSION, "link", "location", "fit", "fitted_on"
        )
        made = cls(link)
        mean, deviation = from_hex(location)
        made._location = (mean, deviation)
        if fit is not None:
            a, b, c = from_hex(fit)
            made._fit = (a, b, c)
        made.fitted_on = fitted_on
        return made


def _location(column: FloatColumn) -> tuple[float, float]:
    """Mean and population deviation; 1 where all are equal."""
    mean = total(column) / len(column)
    deviation = float(np.sqrt(total((column - mean) ** 2) / len(column)))
    return mean, deviation if deviation > 0 else 1.0


def _targets(column: FloatColumn, right: BoolColumn) -> FloatColumn:
    """0 and 1 where the likelihood has a maximum, else Platt's smoothed targets."""
    hits = int(right.sum())
    misses = len(right) - hits
    if hits and misses:
        constant = column.min() == column.max()
        if constant or column[~right].max() > column[right].min():
            return right.astype(np.float64)
    return np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))


def _constrained(
    features: tuple[FloatColumn, FloatColumn], target: FloatColumn
) -> tuple[float, float, float]:
    """Minimum of the log loss over a, b >= 0: the smallest set of columns at which no other would lower the loss.

    The loss is convex, so the conditions of Karush, Kuhn and Tucker decide; no face has to be tried twice.
    """
    rows = len(target)
    share = total(target) / rows
    intercept = log(share / (1.0 - share))
    ones = np.ones(rows)
    locations = [_location(column) for column in features]
    columns = [(column - m) / d for column, (m, d) in zip(features, locations, strict=True)]

    def slope(column: FloatColumn, residual: FloatColumn) -> float:
        return total(column * residual) / rows

    flat = [slope(column, target - share) for column in columns]
    weights = (0.0, 0.0, intercept)
    if max(flat) > FLAT:
        faces = []
        for one in (0, 1):
            if flat[one] <= FLAT:
                continue
            used = [columns[one], ones]
            at = fit_logistic(used, target, (0.0, intercept))
            face = (at[0], 0.0, at[1]) if one == 0 else (0.0, at[0], at[1])
            faces.append((log_loss_of([*columns, ones], target, face), face))
            if slope(columns[1 - one], target - logistic_column(combine(used, at))) <= FLAT:
                break
        else:
            inner = fit_logistic([*columns, ones], target, min(faces)[1])
            if inner[0] > 0 and inner[1] > 0:
                faces.append((log_loss_of([*columns, ones], target, inner), (inner[0], inner[1], inner[2])))
        weights = min(faces)[1]
    a, b = (weight / d for weight, (_, d) in zip(weights, locations, strict=False))
    return a, b, weights[2] - a * locations[0][0] - b * locations[1][0]
