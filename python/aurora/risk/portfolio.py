"""The portfolio: how much of the allowed gross notional each symbol gets, by convex optimisation in basis points.

maximise   Σ w·edge·confidence - turnover penalty - concentration penalty - risk penalty
subject to Σ|w| <= 70 % (and 10 % cash), Herfindahl-Hirschman index of the weights <= 0.25 for more than 4 symbols,
           the weight of a symbol and of all that moves with it <= its cap, and limits of net and sectors where given.

A weight has the sign of its edge, which makes the index of |w| convex: ‖w‖₂ <= √0.25 · Σ|w|. Everything is posed in
basis points, for with edges as fractions Clarabel stops 1e-4 off in the weights. Solved by cvxpy with Clarabel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn
from aurora.risk.concentration import herfindahl
from aurora.risk.covariance import correlation_of, nearest_semidefinite
from aurora.risk.exact import series, within
from aurora.risk.sections import PortfolioPolicy

BPS = 1e4
TOLERANCE = 1e-6
"""Weights this close to a limit are at it."""
SOLVER_TOLERANCES = (1e-9, 1e-8, 1e-7)
"""Of gap and feasibility, tried in turn: some problems leave the solver's last digits no room."""


@dataclass(frozen=True, slots=True)
class PortfolioInputs:
    """What the optimiser weighs up; one entry a symbol."""

    edge_bps: FloatColumn
    """Expected edge over the horizon after costs, positive for a rise."""
    confidence: FloatColumn
    """In [0, 1]."""
    covariance: FloatColumn
    """Of simple returns over the horizon, shrunk (:func:`aurora.risk.covariance.shrunk_covariance`)."""
    current: FloatColumn | None = None
    """Weights held now; None: none."""
    cost_bps: FloatColumn | None = None
    """Cost of a unit of turnover beside the policy's penalty."""
    max_weight: float = 1.0
    """Largest absolute weight of one symbol."""
    net: tuple[float, float] = (-1.0, 1.0)
    """Least and largest Σ w."""
    sectors: Sequence[str] = field(default_factory=tuple)
    """Sector of each symbol, empty text for none; empty: no sectors."""
    max_sector: float = 1.0
    """Largest Σ|w| of one sector."""
    fully_invested: bool = False
    """Σ|w| equals its limit instead of staying below."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The weights, or why there are none."""

    status: str
    """``optimal``, ``inaccurate`` (within every limit, but the solver did not reach its tolerance), ``infeasible``
    or ``failed``."""
    message: str
    weights: FloatColumn | None
    """Signed shares of the allowed gross notional; None unless optimal or inaccurate."""
    objective_bps: float | None
    """Of these weights, computed from them."""
    gross: float | None
    herfindahl: float | None
    """None where all weights are 0."""
    turnover: float | None
    """Σ|w - current|."""
    binding: tuple[str, ...]
    """Names of the limits the weights are at."""


def optimise(policy: PortfolioPolicy, inputs: PortfolioInputs) -> Portfolio:
    """The best weights within all limits. Infeasible is an answer, not an error.

    Raises:
        DataError: a number that is not finite, columns that do not pair up, a confidence outside [0, 1].
    """
    problem = _Problem.of(policy, inputs)
    active = np.flatnonzero(problem.side)
    if len(active) == 0:
        nothing = np.zeros(problem.count)
        if min(problem.slack(nothing).values()) < -TOLERANCE:
            return _none("infeasible", "no symbol has an edge, and holding nothing is not within all limits")
        return _weighed(problem, nothing, "optimal", "no symbol has an edge")
    return _solve(problem, active)


@dataclass(frozen=True, slots=True)
class _Problem:
    policy: PortfolioPolicy
    inputs: PortfolioInputs
    edge: FloatColumn
    """edge · confidence, basis points."""
    side: FloatColumn
    current: FloatColumn
    cost: FloatColumn
    """Basis points per unit of turnover."""
    covariance: FloatColumn
    """Basis points squared, without negative eigenvalues."""
    together: FloatColumn
    """max(0, correlation) of the positions, not of the symbols: a long and a short of twins do not add up."""
    gross: float
    herfindahl: float | None

    @property
    def count(self) -> int:
        return len(self.edge)

    @classmethod
    def of(cls, policy: PortfolioPolicy, inputs: PortfolioInputs) -> _Problem:
        edge, confidence = series("edge_bps", inputs.edge_bps), series("confidence", inputs.confidence)
        count = len(edge)
        zeros = np.zeros(count)
        current = zeros if inputs.current is None else series("current", inputs.current)
        cost = zeros if inputs.cost_bps is None else series("cost_bps", inputs.cost_bps)
        covariance = np.asarray(inputs.covariance, dtype=np.float64)
        for name, length in (
            ("confidence", len(confidence)),
            ("current", len(current)),
            ("cost_bps", len(cost)),
            ("sectors", len(inputs.sectors) or count),
        ):
            if length != count:
                raise DataError(f"{name} has {length} entries for {count} symbols")
        if covariance.shape != (count, count) and count:
            raise DataError(f"covariance is {covariance.shape} for {count} symbols")
        if np.any((confidence < 0) | (confidence > 1)):
            raise DataError("a confidence is outside [0, 1]")
        if np.any(cost < 0):
            raise DataError("a cost is negative")
        within("max_weight", inputs.max_weight, 0.0, 1.0)
        within("max_sector", inputs.max_sector, 0.0, 1.0)
        low, high = (within("net", bound, -1.0, 1.0) for bound in inputs.net)
        if low > high:
            raise DataError(f"net is to lie between {low} and {high}")
        side = np.sign(edge * confidence)
        correlation = correlation_of(covariance) if count else zeros.reshape(0, 0)
        traded = int(np.count_nonzero(side))
        return cls(
            policy,
            inputs,
            edge * confidence,
            side,
            current,
            cost + float(policy.turnover_penalty),
            nearest_semidefinite(covariance) * BPS**2 if count else zeros.reshape(0, 0),
            np.maximum(0.0, correlation * np.outer(side, side)),
            float(min(policy.gross_pct, 100 - policy.cash_pct)) / 100,
            float(policy.concentration) if traded > policy.concentration_free else None,
        )

    def objective(self, weights: FloatColumn) -> float:
        """Basis points of the allowed gross notional."""
        policy = self.policy
        return float(
            self.edge @ weights
            - self.cost @ np.abs(weights - self.current)
            - float(policy.concentration_penalty) * (weights @ weights)
            - float(policy.risk_aversion) / 2 * (weights @ self.covariance @ weights)
        )

    def sector_members(self) -> Mapping[str, list[int]]:
        members: dict[str, list[int]] = {}
        for index, sector in enumerate(self.inputs.sectors):
            if sector:
                members.setdefault(sector, []).append(index)
        return members

    def slack(self, weights: FloatColumn) -> dict[str, float]:
        """What each limit leaves; below 0 it is passed."""
        size, inputs = np.abs(weights), self.inputs
        total, net = float(size.sum()), float(weights.sum())
        left = {"gross": self.gross - total, "net_min": net - inputs.net[0], "net_max": inputs.net[1] - net}
        if inputs.fully_invested:
            left["gross"] = -abs(left["gross"])
        if self.herfindahl is not None:
            left["concentration"] = self.herfindahl**0.5 * total - float(np.linalg.norm(size))
        left["max_weight"] = inputs.max_weight - float(size.max(initial=0.0))
        left["correlated"] = self._correlated() - float((self.together @ size).max(initial=0.0))
        for sector, members in self.sector_members().items():
            left[f"sector {sector}"] = inputs.max_sector - float(size[members].sum())
        return left

    def _correlated(self) -> float:
        return float(self.policy.correlated_pct) / 100


def _solve(problem: _Problem, active: Any) -> Portfolio:
    import warnings

    import cvxpy

    cp: Any = cvxpy
    inputs, policy = problem.inputs, problem.policy
    side = problem.side[active]
    size = cp.Variable(len(active), nonneg=True)
    weights = cp.multiply(side, size)
    total = cp.sum(size)
    resting = np.setdiff1d(np.arange(problem.count), active)
    # What is held of symbols without an edge is closed: a constant of the objective, left out of the problem.
    gain = problem.edge[active] @ weights - problem.cost[active] @ cp.abs(weights - problem.current[active])
    gain -= float(policy.concentration_penalty) * cp.sum_squares(size)
    if policy.risk_aversion > 0:
        values, vectors = np.linalg.eigh(problem.covariance[np.ix_(active, active)])
        root = (vectors * np.sqrt(np.maximum(values, 0.0))).T
        gain -= float(policy.risk_aversion) / 2 * cp.sum_squares(root @ weights)
    # A limit that the gross one implies is left out: what can never bind makes the solver's last digits worse.
    limits = [
        total == problem.gross if inputs.fully_invested else total <= problem.gross,
        problem.together[np.ix_(active, active)] @ size <= problem._correlated(),
    ]
    if inputs.max_weight < problem.gross:
        limits.append(size <= inputs.max_weight)
    if inputs.net[0] > -problem.gross:
        limits.append(cp.sum(weights) >= inputs.net[0])
    if inputs.net[1] < problem.gross:
        limits.append(cp.sum(weights) <= inputs.net[1])
    if problem.herfindahl is not None:
        spread = problem.herfindahl * len(active)
        if spread > 1 + TOLERANCE:
            limits.append(cp.norm(size, 2) <= problem.herfindahl**0.5 * total)
        else:
            # Equal weights alone have so low an index, or none do: no interior is left for the solver to walk in.
            limits.append(size == (total / len(active) if spread >= 1 - TOLERANCE else 0))
    position = {int(index): place for place, index in enumerate(active)}
    for members in problem.sector_members().values():
        places = [position[index] for index in members if index in position]
        if places and inputs.max_sector < problem.gross:
            limits.append(cp.sum(size[places]) <= inputs.max_sector)
    task = cp.Problem(cp.Maximize(gain), limits)
    for tolerance in SOLVER_TOLERANCES:
        options = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        try:
            with warnings.catch_warnings():
                # What it warns of is in the status.
                warnings.simplefilter("ignore")
                task.solve(solver=cp.CLARABEL, **options)
        except cp.error.SolverError as error:
            failure = f"the solver failed: {error}"
            continue
        failure = f"the solver ended with {task.status}"
        if task.status in (cp.OPTIMAL, cp.INFEASIBLE):
            break
    if task.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        return _none("infeasible", _why_infeasible(problem, len(active)))
    if task.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) or size.value is None:
        return _none("failed", failure)
    found = np.zeros(problem.count)
    found[active] = side * np.where(size.value > 1e-9, size.value, 0.0)
    total_found = float(np.abs(found).sum())
    if total_found > problem.gross:
        found *= problem.gross / total_found
    assert not np.any(found[resting])
    worst = min(problem.slack(found).values())
    if worst < -TOLERANCE:
        return _none("failed", f"the solver's weights pass a limit by {-worst:.2g}")
    return _weighed(problem, found, "optimal" if task.status == cp.OPTIMAL else "inaccurate", "")


def _why_infeasible(problem: _Problem, active: int) -> str:
    if problem.herfindahl is not None and problem.herfindahl * active < 1:
        least = 1 / active
        return f"{active} symbols cannot have an index below {least:.4g}, the limit is {problem.herfindahl:g}"
    return "no weights are within all limits"


def _weighed(problem: _Problem, weights: FloatColumn, status: str, message: str) -> Portfolio:
    left = problem.slack(weights)
    return Portfolio(
        status=status,
        message=message,
        weights=weights,
        objective_bps=problem.objective(weights),
        gross=float(np.abs(weights).sum()),
        herfindahl=herfindahl(weights),
        turnover=float(np.abs(weights - problem.current).sum()),
        binding=tuple(name for name, slack in left.items() if slack <= TOLERANCE) if weights.any() else (),
    )


def _none(status: str, message: str) -> Portfolio:
    return Portfolio(status, message, None, None, None, None, None, ())
