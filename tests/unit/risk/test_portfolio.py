"""The portfolio: reference weights, what is infeasible, and each limit where it binds; shrinkage and simple weights."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from aurora.errors import AuroraError
from aurora.risk import (
    Portfolio,
    PortfolioInputs,
    PortfolioPolicy,
    correlation_concentration,
    correlation_of,
    herfindahl,
    inverse_variance,
    inverse_volatility,
    nearest_semidefinite,
    optimise,
    shrunk_covariance,
    volatility_target_weight,
)

BARE = PortfolioPolicy(
    gross_pct=100,
    cash_pct=0,
    turnover_penalty=0,
    concentration_penalty=0,
    concentration_free=0,
    correlated_pct=100,
)
"""Nothing but the sum of weights and the index."""


def inputs(edge: list[float], **changed: Any) -> PortfolioInputs:
    given: dict[str, Any] = {
        "edge_bps": np.array(edge),
        "confidence": np.ones(len(edge)),
        "covariance": np.eye(len(edge)) * 1e-6,
        **changed,
    }
    return PortfolioInputs(**given)


def weights(found: Portfolio) -> Any:
    assert found.status == "optimal", found
    assert found.weights is not None
    return found.weights


def test_reference_weights() -> None:
    found = optimise(BARE, inputs([5, 4, 3, 2, 1], current=np.full(5, 0.2), fully_invested=True))
    assert weights(found) == pytest.approx([0.3414214, 0.2707107, 0.2, 0.1292893, 0.0585786], abs=1e-4)
    assert found.objective_bps == pytest.approx(3 + 0.5 * 2**0.5, abs=1e-8)
    assert found.herfindahl == pytest.approx(0.25, abs=1e-6)
    assert found.binding == ("gross", "net_max", "concentration")


def test_three_symbols_cannot_have_an_index_of_a_quarter() -> None:
    found = optimise(BARE, inputs([5, 4, 3], fully_invested=True))
    assert (found.status, found.weights, found.objective_bps, found.binding) == ("infeasible", None, None, ())
    assert "0.3333" in found.message
    four = optimise(BARE, inputs([5, 4, 3, 1], fully_invested=True))
    assert weights(four) == pytest.approx([0.25] * 4, abs=1e-7), "only equal weights are left"
    nothing = optimise(BARE, inputs([5, 4, 3]))
    assert weights(nothing) == pytest.approx([0.0] * 3, abs=1e-7), "and below four, nothing"


def test_few_symbols_have_no_index() -> None:
    policy = PortfolioPolicy(concentration_penalty=0, correlated_pct=100)
    for count in (1, 4):
        found = optimise(policy, inputs([5.0] + [1.0] * (count - 1)))
        assert weights(found) == pytest.approx([0.7] + [0.0] * (count - 1), abs=1e-6)
    five = optimise(policy, inputs([5.0] + [1.0] * 4))
    assert five.herfindahl == pytest.approx(0.25, abs=1e-6)
    idle = optimise(policy, inputs([5.0, 1.0, 1.0, 1.0, 0.0]))
    assert weights(idle)[0] == pytest.approx(0.7, abs=1e-6), "only those with an edge count"


def test_gross_cash_and_sides() -> None:
    found = optimise(PortfolioPolicy(), inputs([4, -4, 3, -3, 2, 2]))
    assert found.gross == pytest.approx(0.7, abs=1e-6)
    assert list(np.sign(weights(found))) == [1, -1, 1, -1, 1, 1]
    cash = optimise(PortfolioPolicy(gross_pct=100, cash_pct=45), inputs([4, -4, 3, -3, 2, 2]))
    assert cash.gross == pytest.approx(0.55, abs=1e-6)


def test_confidence_scales_the_edge() -> None:
    found = optimise(BARE, inputs([5, 5], confidence=np.array([0.5, 1.0])))
    assert found.status == "optimal"
    policy = PortfolioPolicy(correlated_pct=100, concentration_penalty=0)
    certain = optimise(policy, inputs([5, 4], confidence=np.array([0.5, 1.0])))
    assert weights(certain) == pytest.approx([0.0, 0.7], abs=1e-6)
    nothing = optimise(PortfolioPolicy(), inputs([5, 4], confidence=np.zeros(2)))
    assert (nothing.message, nothing.gross) == ("no symbol has an edge", 0.0)


def test_turnover_keeps_what_is_held() -> None:
    policy = PortfolioPolicy(concentration_penalty=0, correlated_pct=100, turnover_penalty=2)
    held = np.array([0.0, 0.3])
    # Moving a unit from one to the other gains 3 and costs 4.
    stays = optimise(policy, inputs([8, 5], current=held))
    assert weights(stays) == pytest.approx([0.4, 0.3], abs=1e-6)
    assert stays.turnover == pytest.approx(0.4, abs=1e-6)
    assert stays.objective_bps == pytest.approx(0.4 * 8 + 0.3 * 5 - 0.4 * 2, abs=1e-6)
    moves = optimise(policy, inputs([10, 5], current=held))
    assert weights(moves) == pytest.approx([0.7, 0.0], abs=1e-6)
    dear = optimise(policy, inputs([10, 5], current=held, cost_bps=np.array([3.0, 0.0])))
    assert weights(dear) == pytest.approx([0.4, 0.3], abs=1e-6), "a symbol's own cost counts, too"
    not_worth_it = optimise(policy, inputs([1.9, -1.9]))
    assert weights(not_worth_it) == pytest.approx([0.0, 0.0], abs=1e-6)
    closes = optimise(policy, inputs([0.0, 5.0], current=np.array([0.5, 0.0])))
    assert weights(closes) == pytest.approx([0.0, 0.7], abs=1e-6)
    assert closes.turnover == pytest.approx(1.2, abs=1e-6)


def test_concentration_and_risk_penalties() -> None:
    policy = PortfolioPolicy(turnover_penalty=0, correlated_pct=100, concentration_penalty=10)
    # 5 - 20 w = 0
    assert weights(optimise(policy, inputs([5, 0]))) == pytest.approx([0.25, 0.0], abs=1e-5)
    averse = PortfolioPolicy(turnover_penalty=0, correlated_pct=100, concentration_penalty=0, risk_aversion=1)
    # Variance of (0.1 %)²: 100 bps²; 5 - 100 w = 0
    found = optimise(averse, inputs([5, 2]))
    assert weights(found) == pytest.approx([0.05, 0.02], abs=1e-5)
    assert found.objective_bps == pytest.approx(0.05 * 5 / 2 + 0.02 * 2 / 2, abs=1e-6)


def test_what_moves_together_shares_a_cap() -> None:
    matrix = np.full((5, 5), 0.9e-6)
    np.fill_diagonal(matrix, 1e-6)
    policy = PortfolioPolicy(concentration_penalty=0)
    alike = optimise(policy, inputs([5, 5, 5, 5, 5], covariance=matrix))
    assert alike.gross == pytest.approx(0.6 * 5 / 4.6, abs=1e-5)
    assert "correlated" in alike.binding
    hedged = optimise(policy, inputs([5, 5, 5, -5, -5], covariance=matrix))
    assert hedged.gross == pytest.approx(0.7, abs=1e-6), "a long and a short of twins do not add up"


def test_net_sector_and_single_limits() -> None:
    edge = [5.0, 4.0, 3.0, -2.0, 1.0, 1.0]
    policy = PortfolioPolicy(concentration_penalty=0, turnover_penalty=0)
    net = optimise(policy, inputs(edge, net=(-0.1, 0.2)))
    assert float(weights(net).sum()) == pytest.approx(0.2, abs=1e-6)
    assert "net_max" in net.binding
    short = optimise(policy, inputs([-e for e in edge], net=(-0.1, 0.2)))
    assert float(weights(short).sum()) == pytest.approx(-0.1, abs=1e-6)
    assert "net_min" in short.binding
    sector = optimise(policy, inputs(edge, sectors=["a", "a", "", "b", "", ""], max_sector=0.25))
    assert float(np.abs(weights(sector))[:2].sum()) == pytest.approx(0.25, abs=1e-6)
    assert "sector a" in sector.binding
    assert "sector b" not in sector.binding
    single = optimise(policy, inputs(edge, max_weight=0.2))
    assert float(np.abs(weights(single)).max()) == pytest.approx(0.2, abs=1e-6)
    impossible = optimise(policy, inputs(edge, max_weight=0.1, fully_invested=True))
    assert (impossible.status, impossible.weights) == ("infeasible", None)
    assert impossible.message == "no weights are within all limits"


def test_a_solver_that_fails_is_reported_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    tolerances = []

    def fails(*_: Any, **options: Any) -> None:
        tolerances.append(options["tol_feas"])
        raise cp.error.SolverError("out of patience")

    monkeypatch.setattr(cp.Problem, "solve", fails)
    found = optimise(PortfolioPolicy(), inputs([1.0, 2.0]))
    assert (found.status, found.message) == ("failed", "the solver failed: out of patience")
    assert found.weights is None
    assert len(tolerances) > 1, "tried again with another tolerance"


def test_nothing_to_choose_from() -> None:
    none = optimise(PortfolioPolicy(), inputs([]))
    assert (none.status, none.gross, none.herfindahl) == ("optimal", 0.0, None)
    assert optimise(PortfolioPolicy(), inputs([], fully_invested=True)).status == "infeasible"
    idle = optimise(PortfolioPolicy(), inputs([0.0, 0.0], current=np.array([0.2, -0.1])))
    assert list(weights(idle)) == [0.0, 0.0]
    assert idle.turnover == pytest.approx(0.3)
    assert idle.objective_bps == pytest.approx(-0.03)
    assert optimise(PortfolioPolicy(), inputs([0.0], fully_invested=True)).status == "infeasible"
    assert optimise(PortfolioPolicy(), inputs([0.0], net=(0.1, 0.2))).status == "infeasible"
    assert optimise(PortfolioPolicy(), inputs([0.0], net=(-0.2, -0.1))).status == "infeasible"
    assert optimise(PortfolioPolicy(), inputs([-1.0], net=(0.1, 0.2))).status == "infeasible"


@pytest.mark.parametrize(
    "changed",
    [
        {"edge_bps": np.array([1.0, float("nan")])},
        {"edge_bps": np.array([1.0, float("inf")])},
        {"edge_bps": np.array([1.0])},
        {"confidence": np.array([1.0, 1.1])},
        {"confidence": np.array([1.0, -0.1])},
        {"confidence": np.array([1.0])},
        {"covariance": np.eye(3)},
        {"covariance": np.array([[1.0, 2.0], [0.0, 1.0]])},
        {"covariance": np.array([[1.0, float("nan")], [0.0, 1.0]])},
        {"covariance": -np.eye(2)},
        {"current": np.array([1.0])},
        {"cost_bps": np.array([1.0])},
        {"cost_bps": np.array([-1.0, 1.0])},
        {"sectors": ["a"]},
        {"max_weight": 1.1},
        {"max_sector": -0.1},
        {"net": (0.2, 0.1)},
        {"net": (-1.1, 0.1)},
    ],
)
def test_nonsense_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(AuroraError):
        optimise(PortfolioPolicy(), inputs([1.0, 2.0], **changed))


# --- covariance -------------------------------------------------------------------------------------------------

RETURNS = np.array(
    [
        (0.01, 0.02, -0.01),
        (-0.02, -0.01, 0.005),
        (0.015, 0.01, 0.0),
        (-0.005, -0.012, 0.02),
        (0.0, 0.004, -0.006),
        (0.012, 0.018, -0.013),
    ]
)


def test_shrinkage() -> None:
    found = shrunk_covariance(RETURNS)
    assert found.shrinkage == pytest.approx(0.2609825404, abs=5e-11)
    assert shrunk_covariance(RETURNS, "oracle_approximating").shrinkage == pytest.approx(
        0.6021639449, abs=1e-10
    )
    assert found.observations == 6
    centred = RETURNS - RETURNS.mean(axis=0)
    sample = centred.T @ centred / 6
    target = np.trace(sample) / 3 * np.eye(3)
    assert found.matrix == pytest.approx((1 - found.shrinkage) * sample + found.shrinkage * target, rel=1e-9)
    assert np.diag(found.correlation) == pytest.approx(np.ones(3))


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e6])
def test_shrinkage_has_no_unit(scale: float) -> None:
    found, plain = shrunk_covariance(RETURNS * scale), shrunk_covariance(RETURNS)
    assert found.shrinkage == pytest.approx(plain.shrinkage, rel=1e-9)
    assert found.matrix == pytest.approx(plain.matrix * scale**2, rel=1e-9)


def test_degenerate_covariances() -> None:
    still = shrunk_covariance(np.ones((5, 2)))
    assert not still.matrix.any()
    assert still.correlation == pytest.approx(np.eye(2))
    two = shrunk_covariance(RETURNS[:2])
    assert np.all(np.isfinite(two.matrix))
    for wrong in (RETURNS[:1], RETURNS[:0], RETURNS[:, :0], RETURNS[0], np.array([[1.0, float("nan")]] * 3)):
        with pytest.raises(AuroraError):
            shrunk_covariance(wrong)


def test_a_covariance_that_is_none_is_projected() -> None:
    """Three pairwise estimates that no three series can have: ρ = 0.9, 0.9, -0.9."""
    wrong = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]])
    near = nearest_semidefinite(wrong)
    assert np.linalg.eigvalsh(wrong)[0] < -0.5
    assert np.linalg.eigvalsh(near)[0] > -1e-12
    values = np.linalg.eigvalsh(wrong)
    assert np.linalg.norm(near - wrong) == pytest.approx(-values[0], rel=1e-9), "no nearer one exists"
    fine = np.array([[1.0, 0.5], [0.5, 1.0]])
    assert nearest_semidefinite(fine) == pytest.approx(fine, abs=1e-12)


def test_correlation_of_what_never_moves() -> None:
    found = correlation_of(np.array([[4.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]))
    assert found == pytest.approx(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]]))


# --- simple weights and concentration ---------------------------------------------------------------------------


def test_inverse_volatility_and_variance() -> None:
    sigma = np.array([0.01, 0.02, 0.04])
    assert inverse_volatility(sigma) == pytest.approx([4 / 7, 2 / 7, 1 / 7], rel=1e-12)
    assert inverse_variance(sigma) == pytest.approx([16 / 21, 4 / 21, 1 / 21], rel=1e-12)
    assert inverse_volatility(sigma) == pytest.approx([0.571, 0.286, 0.143], abs=5e-4)
    assert inverse_variance(sigma) == pytest.approx([0.762, 0.190, 0.048], abs=5e-4)
    assert inverse_variance(sigma * 1e-200) == pytest.approx(inverse_variance(sigma), rel=1e-12)
    assert len(inverse_volatility(np.array([]))) == 0
    assert list(inverse_volatility(np.array([3.0]))) == [1.0]
    for wrong in ([0.0, 1.0], [-1.0, 1.0], [float("nan"), 1.0], [float("inf"), 1.0]):
        with pytest.raises(AuroraError):
            inverse_volatility(np.array(wrong))


def test_volatility_targeting() -> None:
    assert volatility_target_weight(0.1, 0.2) == 0.5
    assert volatility_target_weight(0.1, 0.05) == 1.0
    assert volatility_target_weight(0.1, 0.05, cap=3) == 2.0
    assert volatility_target_weight(0.1, 0.0, cap=3) == 3.0
    assert volatility_target_weight(0.0, 0.1) == 0.0
    for wrong in ((-0.1, 0.1, 1), (0.1, -0.1, 1), (0.1, 0.1, -1), (float("nan"), 0.1, 1)):
        with pytest.raises(AuroraError):
            volatility_target_weight(*wrong)


def test_weights_below_a_quarter_have_an_index_below_a_quarter() -> None:
    generator = np.random.default_rng(1)
    for _ in range(100):
        raw = generator.dirichlet(np.ones(8) * 0.5)
        if raw.max() <= 0.25:
            found = herfindahl(raw)
            assert found is not None
            assert found <= 0.25
    assert herfindahl(np.array([0.5, -0.5])) == pytest.approx(0.5)
    assert herfindahl(np.zeros(3)) is None


def test_correlated_positions_alert() -> None:
    matrix = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.2], [0.1, 0.2, 1.0]])
    pair = correlation_concentration(np.array([1.0, 1.0, 0.0]), matrix, 0.7)
    assert (pair.mean_correlation, pair.alert) == (pytest.approx(0.8), True)
    assert pair.effective_bets == pytest.approx(1 / 0.9)
    assert not correlation_concentration(np.array([1.0, 1.0, 0.0]), matrix, 0.8 + 1e-12).alert
    hedge = correlation_concentration(np.array([1.0, -1.0, 0.0]), matrix, 0.7)
    assert (hedge.mean_correlation, hedge.alert) == (pytest.approx(-0.8), False)
    assert hedge.effective_bets == pytest.approx(10.0)
    three = correlation_concentration(np.array([2.0, 1.0, 1.0]), matrix, 0.7)
    assert three.mean_correlation == pytest.approx((2 * 0.8 + 2 * 0.1 + 0.2) / 5)
    assert three.herfindahl == pytest.approx(6 / 16)
    one = correlation_concentration(np.array([0.0, -4.0, 0.0]), matrix, 0.7)
    assert (one.mean_correlation, one.alert, one.reason, one.effective_bets) == (
        None,
        False,
        "one_position",
        1.0,
    )
    none = correlation_concentration(np.zeros(3), matrix, 0.7)
    assert (none.herfindahl, none.effective_bets, none.reason) == (None, None, "no_positions")
    twins = correlation_concentration(np.array([1.0, -1.0]), np.ones((2, 2)), 0.7)
    assert (twins.effective_bets, twins.reason, twins.mean_correlation) == (None, "hedged", -1.0)
    for weights_, wrong in (
        (np.ones(2), matrix),
        (np.ones(3), matrix * 2),
        (np.ones(3), np.triu(matrix)),
        (np.array([1.0, float("nan"), 1.0]), matrix),
    ):
        with pytest.raises(AuroraError):
            correlation_concentration(weights_, wrong, 0.7)
    with pytest.raises(AuroraError):
        correlation_concentration(np.ones(3), matrix, 1.1)
