"""Hidden Markov models with normal emissions: fitted offline, filtered online, never smoothed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from aurora._core import HiddenMarkovFilter, fit_hidden_markov, hidden_markov_path
from aurora.errors import DataError
from aurora.messages import FloatColumn, IntColumn


def _as_rows(observations: FloatColumn) -> FloatColumn:
    """Observations as a matrix; a single column may come flat."""
    rows = np.asarray(observations, float)
    rows = np.ascontiguousarray(rows[:, None] if rows.ndim == 1 else rows)
    if rows.ndim != 2:
        raise DataError(f"observations have {rows.ndim} dimensions; give rows of values")
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class HiddenMarkovModel:
    """K states and observations of D independent dimensions; states sorted by variance, the calmest first."""

    start: FloatColumn
    """P(state) at the first observation, (K,)."""
    transition: FloatColumn
    """P(next state | state), (K, K)."""
    means: FloatColumn
    """(K, D)."""
    variances: FloatColumn
    """(K, D)."""

    def filter(self) -> HiddenMarkovFilter:
        """A new online filter.

        Raises:
            ConfigError: these are no probabilities, or a variance is not above 0.
            DataError: shapes do not fit, or a mean is not finite.
        """
        return HiddenMarkovFilter(*(np.ascontiguousarray(part, float) for part in self._parts()))

    def _parts(self) -> tuple[FloatColumn, FloatColumn, FloatColumn, FloatColumn]:
        return self.start, self.transition, self.means, self.variances

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; floats survive exactly."""
        return {
            name: part.tolist()
            for name, part in zip(("start", "transition", "means", "variances"), self._parts(), strict=True)
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HiddenMarkovModel:
        """The model that :meth:`to_dict` wrote.

        Raises:
            DataError: parts are missing or have other shapes.
            ConfigError: these are no probabilities, or a variance is not above 0.
        """
        try:
            parts = [np.array(values[name], float) for name in ("start", "transition", "means", "variances")]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this is no hidden Markov model: {error}") from error
        if [part.ndim for part in parts] != [1, 2, 2, 2]:
            raise DataError("this is no hidden Markov model: start is a row, the other parts are matrices")
        model = cls(*parts)
        model.filter()
        return model

    def log_densities(self, observations: FloatColumn) -> FloatColumn:
        """ln p(observation | state), (T, K), of observations (T, D), or (T,) for one dimension.

        Raises:
            DataError: another number of values in an observation.
        """
        rows = _as_rows(observations)
        if rows.shape[1] != self.means.shape[1]:
            raise DataError(f"an observation has {rows.shape[1]} values: must have {self.means.shape[1]}")
        x = rows[:, None, :]
        terms = np.log(2 * math.pi * self.variances) + (x - self.means) ** 2 / self.variances
        return np.ascontiguousarray(-0.5 * terms.sum(axis=2))

    def most_likely_path(self, observations: FloatColumn) -> tuple[IntColumn, float]:
        """Viterbi's path of states given *all* observations, and its log-probability.

        It looks ahead: for labelling the past, never for a decision.
        """
        return hidden_markov_path(self.start, self.transition, self.log_densities(observations))


@dataclass(frozen=True, slots=True, eq=False)
class HiddenMarkovFit:
    model: HiddenMarkovModel
    log_likelihoods: FloatColumn
    """Before each iteration, the fitted model's last; it never falls."""
    converged: bool


def fit(
    observations: FloatColumn,
    *,
    states: int,
    iterations: int = 500,
    tolerance: float = 1e-6,
    variance_share: float = 1e-4,
    initial: HiddenMarkovModel | None = None,
) -> HiddenMarkovFit:
    """Maximum likelihood by expectation and maximisation (Baum-Welch), offline.

    Args:
        observations: (T, D), or (T,) for one dimension; standardised returns, log volatility and the like.
        states: K.
        iterations: at most.
        tolerance: converged when the log-likelihood rises by less, nats.
        variance_share: least variance of a state, as a share of the series' own.
        initial: where to begin; None tries states by local spread and states by value and keeps the likelier fit.

    Raises:
        DataError: not finite, fewer than ten observations per state, or a dimension that does not vary.
        ConfigError: a setting outside its domain.
    """
    found = fit_hidden_markov(
        _as_rows(observations),
        states=states,
        iterations=iterations,
        tolerance=tolerance,
        variance_share=variance_share,
        initial=None if initial is None else initial._parts(),
    )
    model = HiddenMarkovModel(found["start"], found["transition"], found["means"], found["variances"])
    return HiddenMarkovFit(model, found["log_likelihoods"], found["converged"])
