"""Is the probability still calibrated? Asked of out-of-sample forecasts and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aurora.messages import FloatColumn
from aurora.signal.bootstrap import BootstrapInterval, bootstrap_interval
from aurora.signal.brier import brier_parts, skill_from_means
from aurora.signal.calibration_error import NullError, expected_calibration_error, null_calibration_error
from aurora.signal.checks import BoolColumn, within
from aurora.signal.intervals import Interval, wilson_interval
from aurora.signal.settings import MonitorSettings
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "calibration_monitor", 1

GateFailure = Literal["too_few_outcomes", "error_above_limit", "error_above_chance", "no_proven_skill"]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What the window says. Fields are None where they are undefined."""

    n: int
    ece: float | None
    """Expected calibration error in the settings' bins."""
    null: NullError | None
    """Its distribution, were the forecasts calibrated: mean and quantile."""
    excess_ece: float | None
    """How far the error lies above the null quantile, not below 0: the input of risk's scaler exp(-5 excess)."""
    brier: float | None
    skill: BootstrapInterval | None
    """Brier skill against the settings' reference, with its interval."""
    hit_rate: Interval | None
    failures: tuple[GateFailure, ...]
    """Gates that do not pass; none: calibrated."""

    @property
    def calibrated(self) -> bool:
        return not self.failures


class CalibrationMonitor:
    """A window over the latest forecasts in the order in which their outcomes became known.

    The gate passes when there are ``min_outcomes``, the error is neither above ``max_ece`` nor above its null quantile
    for this n and binning, and the lower end of the Brier skill's interval is above 0.
    """

    def __init__(self, settings: MonitorSettings) -> None:
        self.settings = settings
        self._p: list[float] = []
        self._right: list[bool] = []

    def learn(self, p: float, right: bool) -> None:
        """Takes a forecast made before its outcome was known, and the outcome.

        Raises:
            DataError: p outside [0, 1].
        """
        self._p.append(within("p", p, 0.0, 1.0))
        self._right.append(bool(right))
        if len(self._p) > 2 * self.settings.window:
            del self._p[: -self.settings.window]
            del self._right[: -self.settings.window]

    def window(self) -> tuple[FloatColumn, BoolColumn]:
        """The forecasts looked at, and their outcomes."""
        latest = slice(-self.settings.window, None)
        return np.array(self._p[latest], np.float64), np.array(self._right[latest], np.bool_)

    def check(self) -> CalibrationReport:
        """Judges the window. Costs tens of milliseconds at thousands of outcomes: ask at refits, not at events."""
        p, right = self.window()
        return check_calibration(p, right, self.settings)

    def state(self) -> dict[str, Any]:
        return versioned(KIND, VERSION, p=to_hex(self._p), right=list(self._right))

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        p, right = fields_of(state, KIND, VERSION, "p", "right")
        self._p, self._right = from_hex(p), list(right)


def check_calibration(p: FloatColumn, right: BoolColumn, settings: MonitorSettings) -> CalibrationReport:
    """Judges forecasts in the order of time, as :class:`CalibrationMonitor` does its window.

    Raises:
        DataError: p outside [0, 1].
        UsageError: columns differ in length.
    """
    ece = expected_calibration_error(p, right, settings.bins, settings.binning)
    null = null_calibration_error(
        p, settings.bins, settings.binning, level=settings.level, draws=settings.draws, seed=settings.seed
    )
    parts = brier_parts(p, right, settings.bins, settings.binning)
    count, hits = len(p), int(np.sum(right))
    skill = bootstrap_interval(
        [(p - right) ** 2, right],
        lambda score, share: skill_from_means(score, share, 0.5 if settings.reference == "even" else None),
        level=settings.level,
        bootstrap=settings.bootstrap,
        draws=settings.draws,
        seed=settings.seed,
    )
    failures: list[GateFailure] = []
    if count < settings.min_outcomes:
        failures.append("too_few_outcomes")
    if ece is None or ece > settings.max_ece:
        failures.append("error_above_limit")
    if ece is None or null is None or ece > null.quantile:
        failures.append("error_above_chance")
    if skill is None or skill.low <= 0:
        failures.append("no_proven_skill")
    return CalibrationReport(
        n=count,
        ece=ece,
        null=null,
        excess_ece=None if ece is None or null is None else max(0.0, ece - null.quantile),
        brier=None if parts is None else parts.score,
        skill=skill,
        hit_rate=wilson_interval(hits, count, settings.level),
        failures=tuple(failures),
    )
