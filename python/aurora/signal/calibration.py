"""Probability from score: Platt's sigmoid, fitted on votes whose outcome is known, used on later ones only."""

from __future__ import annotations

from typing import Any

import numpy as np

from aurora._core import platt_fit, platt_probability
from aurora.messages import FloatColumn


class PlattCalibrator:
    """P(chosen side is right) from the score towards that side, p = 1 / (1 + exp(a·s + b)).

    A vote is right when the mid moved towards its side by its horizon; a mid that did not move makes it wrong.
    The sigmoid uses Platt's smoothed targets. A fit whose probability would *fall* with the score is refused:
    such a score is not one.
    """

    def __init__(self, min_outcomes: int, max_outcomes: int):
        self._min = min_outcomes
        self._max = max_outcomes
        self._scores: list[float] = []
        self._right: list[bool] = []
        self._platt: tuple[float, float] | None = None
        self.fitted_on = 0

    def learn(self, score: float, right: bool) -> None:
        """Takes one resolved vote: its score towards its side, and whether it was right."""
        self._scores.append(score)
        self._right.append(right)
        if len(self._scores) > 2 * self._max:
            del self._scores[: -self._max]
            del self._right[: -self._max]

    def refit(self) -> None:
        """Fits on the outcomes known now; keeps no fit where there are too few or only one kind."""
        scores, right = self._scores[-self._max :], self._right[-self._max :]
        self._platt = None
        if len(scores) < self._min or all(right) or not any(right):
            return
        a, b = platt_fit(np.array(scores), np.array(right))
        if a <= 0:
            self._platt = (a, b)
            self.fitted_on = len(scores)

    def probability(self, scores: FloatColumn) -> FloatColumn | None:
        """P(right) for scores towards the chosen side; None while there is no valid fit."""
        if self._platt is None:
            return None
        return platt_probability(*self._platt, np.ascontiguousarray(scores))

    def state(self) -> dict[str, Any]:
        return {
            "scores": [s.hex() for s in self._scores],
            "right": self._right,
            "platt": None if self._platt is None else [v.hex() for v in self._platt],
            "fitted_on": self.fitted_on,
        }

    def load(self, state: dict[str, Any]) -> None:
        self._scores = [float.fromhex(s) for s in state["scores"]]
        self._right = list(state["right"])
        platt = state["platt"]
        self._platt = None if platt is None else (float.fromhex(platt[0]), float.fromhex(platt[1]))
        self.fitted_on = state["fitted_on"]
