"""Every engine against its rule in plain Python on drawn series, and the port's checks on all of them."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from engine_material import random_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_engines import RULES, ages_of, say

from aurora.engines import BUILT_IN, choose_engine, drive
from aurora.testing import check_engine

# Small windows, so that short series fill them; entries that let both sides of every threshold happen.
SMALL: dict[str, dict[str, Any]] = {
    "intraday_momentum": {"entry": 0.3},
    "vwap_reversion": {"entry": 0.5},
    "volume_spike": {"entry": 0.2},
    "relative_strength": {},
    "opening_range_breakout": {"buffer": 0.1},
    "quick_reversion": {"bars": 5, "entry": 1.2},
    "cross_sectional_momentum": {},
    "time_series_momentum": {"formation_days": 21, "entry": 0.4},
    "cross_sectional_reversion": {"fraction": 0.45},
    "quality": {"liquidity_days": 3, "funding_rows": 4, "funding_max_age_minutes": 1500},
    "carry": {"min_carry_bps": 4, "convergence": 0.5, "basis_max_age_minutes": 600},
    "trend": {"entry": 0.01},
    "macro": {
        **{"volatility_rows": 12, "min_volatility_rows": 5, "dominance_rows": 2, "dominance_change": 0.02},
        **{"crowded": 0.6, "calm": 0.4, "stressed": 0.7, "funding_max_age_minutes": 1500},
    },
}
SAMPLE_NS = 10**9


def is_daily(name: str) -> bool:
    return RULES[name][1] != "intraday"


@functools.cache
def drawn(seed: int, daily: bool, members: int) -> dict[str, Any]:
    return random_inputs(seed, daily=daily, members=members)


def test_every_engine_has_a_rule() -> None:
    assert set(BUILT_IN) == {*RULES, "lead_lag"} == {*SMALL, "lead_lag"}


def compare(name: str, seed: int, members: int) -> tuple[Counter[str], Counter[int]]:
    """Holds an engine against its rule; answers the reasons and sides that occurred."""
    choice = choose_engine(name, SMALL[name])
    inputs = drawn(seed, is_daily(name), members)
    got = drive(choice.make(list(inputs), SAMPLE_NS), inputs)
    rule, clock = RULES[name]
    expected = say(rule, clock, ages_of(name, choice.settings), choice.settings, inputs)
    reasons: Counter[str] = Counter()
    sides: Counter[int] = Counter()
    assert got.keys() == expected.keys()
    for key, said in expected.items():
        votes = got[key]
        assert votes.row.tolist() == [vote[0] for vote in said.votes]
        assert votes.side.tolist() == [vote[1] for vote in said.votes]
        assert votes.score.tolist() == pytest.approx([vote[2] for vote in said.votes], rel=1e-9)
        assert votes.edge_bps.tolist() == pytest.approx([vote[3] for vote in said.votes], rel=1e-9)
        assert votes.abstained == dict(said.abstained)
        reasons.update(said.abstained)
        sides.update(votes.side.tolist())
    return reasons, sides


@pytest.mark.parametrize("name", sorted(RULES))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), members=st.integers(2, 6))
def test_an_engine_follows_its_rule(name: str, seed: int, members: int) -> None:
    compare(name, seed, members)


@pytest.mark.parametrize("name", sorted(RULES))
def test_both_sides_and_the_rules_reasons_occur(name: str) -> None:
    """What the drawn series never reach, they would not test."""
    reasons: Counter[str] = Counter()
    sides: Counter[int] = Counter()
    for seed in range(40):
        told, voted = compare(name, seed, 3 + seed % 4)
        reasons += told
        sides += voted
    assert set(sides) == {-1, 1}
    own = {reason for reason in reasons if not reason.startswith("no_new_")}
    assert len(own) >= 3, own


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_engine_passes_the_checks(name: str) -> None:
    seed = 3
    while True:
        inputs = drawn(seed, is_daily(name), 5)
        choice = choose_engine(name, SMALL[name])
        votes = drive(choice.make(list(inputs), SAMPLE_NS), inputs)
        if sum(len(one.row) for one in votes.values()) >= 4:
            break
        seed += 1
    check_engine(lambda: choice.make(list(inputs), SAMPLE_NS), inputs)


@pytest.mark.parametrize("name", sorted(RULES))
def test_sentiment_keeps_the_checks(name: str) -> None:
    choice = choose_engine(name, {**SMALL[name], "sentiment": {"expiry_minutes": 300}})
    for seed in (4, 5):
        inputs = drawn(seed, is_daily(name), 5)
        make = functools.partial(choice.make, list(inputs), SAMPLE_NS)
        if sum(len(one.row) for one in drive(make(), inputs).values()) >= 4:
            check_engine(make, inputs)


def test_horizons_are_rounded_up_to_the_grid() -> None:
    inputs = drawn(1, False, 4)
    engine = choose_engine("relative_strength", {"horizon_minutes": 1}).make(list(inputs), 7 * 10**9)
    horizons = np.concatenate([votes.horizon_ns for votes in drive(engine, inputs).values()])
    assert set(horizons.tolist()) == {63 * 10**9}


@pytest.mark.parametrize("name", sorted(RULES))
def test_what_is_forgotten_is_never_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory trimmed to the least after every row, against memory that keeps all."""
    inputs = drawn(8, is_daily(name), 5)
    choice = choose_engine(name, SMALL[name])
    whole = drive(choice.make(list(inputs), SAMPLE_NS), inputs)
    monkeypatch.setattr("aurora.engines.history._SPARE_ROWS", -(10**6))
    cuts = sorted({int(t) for rows in inputs.values() for t in rows.local_ns})
    trimmed = drive(choice.make(list(inputs), SAMPLE_NS), inputs, cuts)
    for key, votes in whole.items():
        assert votes.score.tolist() == trimmed[key].score.tolist()
        assert votes.abstained == trimmed[key].abstained
