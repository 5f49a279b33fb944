"""What a calibrator is, and which one to take."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy.typing as npt

from aurora.errors import RecoveryError, UsageError
from aurora.messages import FloatColumn

Method = Literal["platt", "isotonic", "beta", "venn_abers"]
FLEXIBLE_FROM = 1000
"""Outcomes from which a calibrator without a fixed shape is the better choice (``spec/quant.md`` §3)."""


class Calibrator(Protocol):
    """Learns P(chosen side is right) from scores towards the chosen side and what became of them.

    A fit needs at least one outcome, takes ties, constant scores and a single class, and leaves the earlier fit as
    it was when it raises. ``predict`` serves later votes only: nothing here knows when a vote was cast, so it is the
    caller (:class:`aurora.signal.RollingCalibration`, :func:`aurora.signal.out_of_fold`) who keeps the times apart.
    """

    @property
    def method(self) -> Method:
        """Name under which :func:`calibrator_from_state` finds it."""
        ...

    @property
    def fitted_on(self) -> int:
        """Outcomes of the fit in use; 0 before the first."""
        ...

    @property
    def rising(self) -> bool:
        """Whether the probability nowhere falls as the score rises."""
        ...

    def fit(self, scores: npt.ArrayLike, right: npt.ArrayLike) -> None:
        """Fits on scores and their outcomes (0 or 1).

        Raises:
            DataError: a value is not finite, an outcome neither 0 nor 1, or there is none at all.
            UsageError: the columns differ in length.
        """
        ...

    def predict(self, scores: npt.ArrayLike) -> FloatColumn:
        """P(right) in [0, 1] at each score.

        Raises:
            DataError: a score is not finite.
            UsageError: there is no fit yet.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Everything as plain JSON; gives back the same predictions to the bit."""
        ...


def make_calibrator(method: Method) -> Calibrator:
    """An unfitted calibrator with default settings. Scores may be any finite numbers."""
    from aurora.signal.beta import BetaCalibration
    from aurora.signal.isotonic import IsotonicCalibration
    from aurora.signal.platt import PlattScaling
    from aurora.signal.venn_abers import VennAbersCalibration

    makers: dict[str, type[Calibrator]] = {
        "platt": PlattScaling,
        "isotonic": IsotonicCalibration,
        "beta": BetaCalibration,
        "venn_abers": VennAbersCalibration,
    }
    if method not in makers:
        raise UsageError(f"no calibrator is called {method!r}; there are {', '.join(makers)}")
    return makers[method]()


def calibrator_from_state(state: Any) -> Calibrator:
    """The calibrator whose :meth:`Calibrator.state` this is.

    Raises:
        RecoveryError: no such kind, or another version.
    """
    from aurora.signal.beta import BetaCalibration
    from aurora.signal.isotonic import IsotonicCalibration
    from aurora.signal.platt import PlattScaling
    from aurora.signal.venn_abers import VennAbersCalibration

    kind = state.get("kind") if isinstance(state, dict) else None
    match kind:
        case "platt":
            return PlattScaling.from_state(state)
        case "isotonic":
            return IsotonicCalibration.from_state(state)
        case "beta":
            return BetaCalibration.from_state(state)
        case "venn_abers":
            return VennAbersCalibration.from_state(state)
        case _:
            raise RecoveryError(f"state of {kind}, expected a calibrator's")


def recommended_method(outcomes: int) -> Method:
    """Platt's sigmoid below 1,000 outcomes, Venn-Abers from there on."""
    return "platt" if outcomes < FLEXIBLE_FROM else "venn_abers"
