"""How far an engine is to be believed: its Brier skill, newest outcomes first in weight, shrunk while there are few."""

from __future__ import annotations

from typing import Any

from aurora.errors import DataError
from aurora.signal.brier import skill_from_means
from aurora.signal.checks import within
from aurora.signal.portable_math import half_life_decay
from aurora.signal.settings import ReliabilitySettings
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "reliability", 1


class Reliability:
    """r in [0, 1] from forecasts and outcomes in the order in which these became known.

    ``skill``: max(0, exponentially weighted Brier skill) · n_eff / (n_eff + prior), with n_eff = (Σw)² / Σw² (Kish).
    A coin flip comes to 0. ``plain``: (1 - Brier) · 2^(-age / half-life) with the age of the newest outcome; it gives
    a coin flip 0.75.
    """

    def __init__(self, settings: ReliabilitySettings) -> None:
        self.settings = settings
        self.outcomes = 0
        self._newest_ns: int | None = None
        self._weight = self._weight_square = self._error = self._right = 0.0

    def learn(self, p: float, right: bool, known_ns: int) -> None:
        """Takes a forecast and its outcome, known at this local time.

        Raises:
            DataError: p outside [0, 1], or the outcome is older than the last one taken.
        """
        forecast = within("p", p, 0.0, 1.0)
        if self._newest_ns is not None:
            fade = self._fade(known_ns)
            self._weight *= fade
            self._weight_square *= fade * fade
            self._error *= fade
            self._right *= fade
        outcome = 1.0 if right else 0.0
        self._weight += 1.0
        self._weight_square += 1.0
        self._error += (forecast - outcome) ** 2
        self._right += outcome
        self._newest_ns = known_ns
        self.outcomes += 1

    def _fade(self, now_ns: int) -> float:
        assert self._newest_ns is not None
        if now_ns < self._newest_ns:
            raise DataError(
                f"time {now_ns} lies before the outcome of {self._newest_ns}; give outcomes in order"
            )
        return half_life_decay((now_ns - self._newest_ns) * 1e-9, self.settings.half_life_s)

    @property
    def effective_outcomes(self) -> float:
        """Outcomes of equal weight that would say as much."""
        return self._weight * self._weight / self._weight_square if self._weight_square > 0 else 0.0

    @property
    def brier(self) -> float | None:
        """Exponentially weighted Brier score; None without outcomes."""
        return self._error / self._weight if self._weight > 0 else None

    @property
    def skill(self) -> float | None:
        """Exponentially weighted Brier skill; None where the reference is never wrong or there is no outcome."""
        if self._weight <= 0:
            return None
        # Where every outcome was the same, weighted sums agree to the bit and the climatology is never wrong.
        share = self._right / self._weight
        return skill_from_means(
            self._error / self._weight, share, 0.5 if self.settings.reference == "even" else None
        )

    def reliability(self, now_ns: int) -> float:
        """r at this local time; 0 without outcomes or without skill.

        Raises:
            DataError: the time lies before the last outcome.
        """
        if self._newest_ns is None:
            return 0.0
        fade = self._fade(now_ns)
        if self.settings.form == "plain":
            return (1.0 - self._error / self._weight) * fade
        skill = self.skill
        if skill is None or skill <= 0:
            return 0.0
        n = self.effective_outcomes
        return skill * n / (n + self.settings.prior_outcomes)

    def state(self) -> dict[str, Any]:
        sums = to_hex([self._weight, self._weight_square, self._error, self._right])
        return versioned(KIND, VERSION, outcomes=self.outcomes, newest_ns=self._newest_ns, sums=sums)

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        self.outcomes, self._newest_ns, sums = fields_of(
            state, KIND, VERSION, "outcomes", "newest_ns", "sums"
        )
        self._weight, self._weight_square, self._error, self._right = from_hex(sums)
