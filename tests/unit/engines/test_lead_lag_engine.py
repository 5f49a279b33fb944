"""Lead-lag through the port: several leaders, the Kalman slope, decay, own features, folds; all pass the checks."""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.engines import EngineInput, LeadLagEngine, LeadLagSettings, Votes, drive
from aurora.engines.folds import FoldRecord
from aurora.errors import ConfigError
from aurora.testing import check_engine
from aurora.testing.engine_checks import check_engine_look_ahead, check_engine_splits, check_engine_state

GRID = 50_000_000
START = 1_700_000_000 * 10**9
SOL, BTC, ETH, ADA = (f"binance_usdm:{symbol}USDT" for symbol in ("SOL", "BTC", "ETH", "ADA"))
# Quick to learn, so that two minutes are enough.
QUICK: dict[str, Any] = {
    "refit_s": 5,
    "window_s": 60,
    "min_updates": 20,
    "standardiser_warm_up": 30,
    "min_edge_bps": 0.2,
}


@functools.cache
def market(seed: int, seconds: int = 120) -> dict[str, EngineInput]:
    """SOL and BTC walk on their own; ETH follows BTC after 150 ms, ADA follows SOL after 100 ms."""
    n = seconds * 20
    draw = np.random.default_rng(seed)

    def jumps(share: float, size: float) -> Any:
        return np.where(draw.random(n) < share, draw.normal(0, size, n), 0.0)

    sol, btc = np.cumsum(jumps(0.3, 2e-4)), np.cumsum(jumps(0.3, 2e-4))
    eth = 0.8 * np.concatenate([np.zeros(3), btc[:-3]]) + np.cumsum(jumps(0.2, 4e-5))
    ada = 0.9 * np.concatenate([np.zeros(2), sol[:-2]]) + np.cumsum(jumps(0.2, 4e-5))
    grid = START + GRID * np.arange(n)
    inputs = {}
    for key, path in ((SOL, sol), (BTC, btc), (ETH, eth), (ADA, ada)):
        mid = 100.0 * np.exp(path)
        columns = {name: draw.normal(0, 1, n) for name in ("obi_1", "obi_k", "ofi", "tfi")}
        columns |= {"mid": mid, "weighted_mid": mid * (1 + 1e-5 * draw.normal(0, 1, n))}
        # The change is told a little before the row that shows it.
        inputs[key] = EngineInput(grid, columns, grid - 5_000_000, mid)
    return inputs


def engine(**values: Any) -> LeadLagEngine:
    given = LeadLagSettings(**{**QUICK, **values})
    return LeadLagEngine(given, list(market(1)), GRID)


def right(votes: Votes, rows: EngineInput) -> float:
    """Share of votes whose side the mid took by the horizon, of those where it moved."""
    later = np.minimum(votes.row + votes.horizon_ns // GRID, len(rows.local_ns) - 1)
    change = rows.columns["mid"][later] - rows.columns["mid"][votes.row]
    moved = change != 0
    return float(np.mean(np.sign(change[moved]) == votes.side[moved]))


def test_one_leader_has_its_followers_only() -> None:
    made = engine()
    votes = drive(made, market(1))
    assert set(votes) == {BTC, ETH, ADA}
    assert len(votes[ADA].row) > 200
    assert right(votes[ADA], market(1)[ADA]) > 0.85
    assert not len(votes[ETH].row)
    assert set(made.findings()) == {"leader", "links"}
    assert votes[ADA].reliability is None


def test_with_several_leaders_each_follower_heeds_its_own() -> None:
    made = engine(leader_count=2)
    votes = drive(made, market(1))
    assert made.leaders == (SOL, BTC)
    assert set(votes) == set(market(1))
    for key in (ETH, ADA):
        assert len(votes[key].row) > 200
        assert right(votes[key], market(1)[key]) > 0.85
    assert not len(votes[SOL].row)
    assert not len(votes[BTC].row)
    found = made.findings()
    assert found["led_by"] == {SOL: BTC, BTC: SOL, ETH: BTC, ADA: SOL}
    assert set(found["leaders"][ETH]) == {SOL, BTC}


def test_leaders_are_those_named_in_their_order() -> None:
    assert engine(leaders=("BTCUSDT", "SOLUSDT"), leader_count=2).leaders == (BTC, SOL)
    assert engine(leaders=("XRPUSDT", "BTCUSDT", ETH), leader_count=9).leaders == (BTC, ETH)
    assert engine(leaders=("BTCUSDT", "SOLUSDT")).leader == BTC
    assert engine(leaders=("XRPUSDT",)).leader is None
    # While no link is clear the first leads.
    assert engine(leader_count=2).findings()["led_by"] == {SOL: BTC, BTC: SOL, ETH: SOL, ADA: SOL}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"leader_count": 2},
        {"beta": "kalman", "decay_half_life_ms": 80, "leader_count": 2},
        {"folds": 3, "leader_count": 2, "own_features": ("obi_k",)},
    ],
)
def test_it_passes_the_checks(values: dict[str, Any]) -> None:
    inputs = market(2, 60)
    make = functools.partial(engine, **values)
    if not values:
        check_engine(make, inputs)
    check_engine_splits(make, inputs)
    check_engine_state(make, inputs)
    check_engine_look_ahead(make, inputs, moments=4)


def test_the_kalman_slope_and_the_decay_learn_the_link() -> None:
    for values in ({"beta": "kalman"}, {"decay_half_life_ms": 200}):
        votes = drive(engine(**values), market(3))[ADA]
        assert len(votes.row) > 150
        assert right(votes, market(3)[ADA]) > 0.8
    # Each changes what is said.
    plain = drive(engine(), market(3))[ADA]
    for values in ({"beta": "kalman"}, {"decay_half_life_ms": 200}, {"own_features": ("obi_1", "tfi")}):
        other = drive(engine(**values), market(3))[ADA]
        assert other.score.tolist() != plain.score.tolist()


def test_prices_count_by_their_distance_from_the_mid() -> None:
    named = drive(engine(own_features=("obi_1", "ofi", "tfi", "weighted_mid")), market(1))
    assert named[ADA].score.tolist() == drive(engine(), market(1))[ADA].score.tolist()
    with pytest.raises(ConfigError, match=r"own_features: no feature 'vpin' here; there are .*obi_k"):
        drive(engine(own_features=("vpin",)), market(1))


def test_a_link_must_prove_itself_on_later_folds() -> None:
    made = engine(folds=4)
    votes = drive(made, market(1))[ADA]
    skill = made.findings()["fold_skill"][ADA][SOL]
    assert 0.5 < skill < 1
    assert votes.abstained["folds_too_few"] > 0
    # Votes begin when four folds have closed; until then the plain engine had some already.
    assert len(votes.row) + votes.abstained["folds_too_few"] == len(drive(engine(), market(1))[ADA].row)
    assert votes.reliability is not None
    assert np.all((votes.reliability > 0.5) & (votes.reliability < 1))
    strict = drive(engine(folds=4, min_fold_skill=0.99), market(1))[ADA]
    assert not len(strict.row)
    assert strict.abstained["fold_skill_too_low"] > 0


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(1, 59), max_size=4, unique=True))
def test_a_fold_scores_what_fell_due_within_it(seed: int, cuts: list[int]) -> None:
    draw = np.random.default_rng(seed)
    n = 60
    times = np.sort(draw.choice(90, n, replace=False)).astype(np.int64)
    mid = np.where(draw.random(n) < 0.1, np.nan, draw.uniform(90, 110, n))
    predicted = draw.normal(0, 50, n)
    due = times + draw.integers(1, 12, n)
    made = (draw.random(n) < 0.6) & ~np.isnan(mid)
    closes = {20, 40}
    record = FoldRecord(2)
    pieces = sorted({0, n, *cuts, *closes})
    for begin, end in pairwise(pieces):
        part = slice(begin, end)
        record.take(times[part], mid[part], predicted[part], due[part], made[part])
        again = FoldRecord(2)
        again.load(record.state())
        record = again
        if end in closes:
            record.close()
    at = {int(t): float(m) for t, m in zip(times, mid, strict=True)}
    folds = []
    for begin, end in ((0, 20), (20, 40)):
        last = times[end - 1]
        pairs = [
            ((at[int(due[k])] / mid[k] - 1) * 1e4, predicted[k])
            for k in range(begin, end)
            if made[k] and due[k] <= last and not np.isnan(at.get(int(due[k]), np.nan))
        ]
        if pairs:
            folds.append((sum((y - p) ** 2 for y, p in pairs), sum(y * y for y, _ in pairs)))
    if len(folds) < 2:
        assert record.skill is None
    else:
        assert record.skill == pytest.approx(1 - sum(f[0] for f in folds) / sum(f[1] for f in folds))
