"""Split conformal intervals, and their adaptive form for series that drift."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.signal.checks import finite, finite_column, positive, within
from aurora.signal.intervals import check_level
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "adaptive_conformal", 1


def conformal_rank(count: int, miss_rate: float) -> int:
    """ceil((count + 1)(1 - miss_rate)), exactly in the decimals of ``miss_rate``.

    Raises:
        DataError: the miss rate is not a finite number.
    """
    rate = Fraction(repr(finite("miss_rate", miss_rate)))
    return math.ceil((count + 1) * (1 - rate))


class SplitConformal:
    """Half-width that covers the next absolute error with probability 1 - miss_rate (Lei et al. 2018).

    Valid for exchangeable errors. Too few errors for the rate asked give an infinite half-width, never the largest.

    Args:
        errors: outcomes less forecasts of a calibration set that no model was fitted on.
    """

    def __init__(self, errors: npt.ArrayLike) -> None:
        self._sorted: FloatColumn = np.sort(np.abs(finite_column("errors", errors)))

    def half_width(self, miss_rate: float) -> float | None:
        """The half-width; ``inf`` where the rank exceeds the sample, None (no interval) at a rate of 1 and above.

        Raises:
            DataError: the miss rate is not a finite number.
        """
        if finite("miss_rate", miss_rate) >= 1:
            return None
        rank = conformal_rank(len(self._sorted), miss_rate)
        return math.inf if rank > len(self._sorted) else float(self._sorted[rank - 1])

    def interval(self, forecast: float, miss_rate: float) -> tuple[float, float] | None:
        """Ends of the interval about a forecast; None is the empty interval.

        Raises:
            DataError: forecast or miss rate is not a finite number.
        """
        centre = finite("forecast", forecast)
        half = self.half_width(miss_rate)
        return None if half is None else (centre - half, centre + half)


class AdaptiveConformal:
    """Adaptive conformal inference (Gibbs, Candès 2021): a ← a + step (target - missed).

    ``miss_rate`` may leave [0, 1]: at 0 and below the interval is infinite, at 1 and above empty.
    """

    def __init__(self, target: float, step: float) -> None:
        self.target = check_level(target)
        self.step = positive("step", step)
        self.miss_rate = self.target

    def learn(self, missed: bool) -> None:
        """Takes whether the last interval missed."""
        self.miss_rate += self.step * (self.target - (1.0 if missed else 0.0))

    def state(self) -> dict[str, Any]:
        return versioned(KIND, VERSION, numbers=to_hex([self.target, self.step, self.miss_rate]))

    @classmethod
    def from_state(cls, state: Any) -> AdaptiveConformal:
        """Raises RecoveryError for another kind or version."""
        (numbers,) = fields_of(state, KIND, VERSION, "numbers")
        target, step, miss_rate = from_hex(numbers)
        made = cls(target, step)
        made.miss_rate = miss_rate
        return made


def conformal_classes(p_right: float, calibration: npt.ArrayLike, miss_rate: float) -> tuple[bool, ...]:
    """Outcomes (True: right, False: wrong) that a split conformal set at this probability keeps.

    Args:
        calibration: probabilities that earlier forecasts gave to what then happened.

    Raises:
        DataError: a probability outside [0, 1], or a miss rate that is not finite.
    """
    probability = within("p_right", p_right, 0.0, 1.0)
    given = finite_column("calibration", calibration)
    if len(given) and (given.min() < 0 or given.max() > 1):
        raise DataError("calibration holds a value outside [0, 1]; give probabilities of what happened")
    half = SplitConformal(1.0 - given).half_width(miss_rate)
    if half is None:
        return ()
    return tuple(
        outcome
        for outcome, nonconformity in ((True, 1.0 - probability), (False, probability))
        if nonconformity <= half
    )
