"""The debate: four scores at their exact edges, arguments by rule, and a critic that cannot hold anything up."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora.errors import DataError, UsageError
from aurora.signal import DebateSettings, Evidence, RecordedCritic, Remark, Review, Standing, ask, debate

SETTINGS = DebateSettings()
GOOD = Evidence(
    engine="a",
    side=1,
    edge_bps=14.0,
    cost_bps=4.0,
    approved=True,
    regime_outcomes=98,
    regime_right=59,
    drawdown_bps=0.0,
)


def one(settings: DebateSettings = SETTINGS, **changed: Any) -> Standing:
    return debate([replace(GOOD, **changed)], {}, settings)["a"]


def rules(standing: Standing) -> dict[str, str]:
    return {argument.rule: argument.stance for argument in standing.arguments}


def test_the_best_vote_there_can_be() -> None:
    best = one()
    assert (best.alpha, best.regime_fit, best.diversification, best.drawdown, best.score) == (
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    )
    assert rules(best) == dict.fromkeys(["alpha", "regime_fit", "diversification", "drawdown"], "for")


@pytest.mark.parametrize(
    ("edge", "alpha"), [(4.0, 0.0), (3.0, 0.0), (9.0, 0.5), (14.0, 1.0), (99.0, 1.0), (5.0, 0.1)]
)
def test_alpha_is_edge_after_costs(edge: float, alpha: float) -> None:
    assert one(edge_bps=edge).alpha == pytest.approx(alpha)


@pytest.mark.parametrize(
    ("right", "outcomes", "fit"),
    [(44, 98, 0.0), (59, 98, 1.0), (0, 0, 1 / 3), (50, 98, 0.4), (0, 98, 0.0), (98, 98, 1.0)],
)
def test_regime_fit_is_the_posterior_mean_between_its_bounds(right: int, outcomes: int, fit: float) -> None:
    assert one(regime_right=right, regime_outcomes=outcomes).regime_fit == pytest.approx(fit, abs=1e-12)
    assert one(regime_right=right, regime_outcomes=outcomes, approved=False).regime_fit == 0.0


@pytest.mark.parametrize(("depth", "score"), [(0.0, 1.0), (50.0, 0.75), (200.0, 0.0), (500.0, 0.0)])
def test_drawdown(depth: float, score: float) -> None:
    assert one(drawdown_bps=depth).drawdown == pytest.approx(score)


def test_diversification_looks_at_allies_only() -> None:
    pack = [GOOD, replace(GOOD, engine="b"), replace(GOOD, engine="c"), replace(GOOD, engine="d", side=-1)]
    known = {("a", "b"): 0.6, ("c", "a"): -0.2, ("a", "d"): 0.9}
    found = debate(pack, known, SETTINGS)
    assert found["a"].diversification == pytest.approx(1 - (0.6 + 0.2) / 2)
    assert found["b"].diversification == pytest.approx(1 - 0.6 / 2)
    assert found["d"].diversification == 1.0


def test_the_score_is_the_weighted_mean() -> None:
    settings = DebateSettings(
        alpha_weight=1.0, regime_weight=2.0, diversification_weight=3.0, drawdown_weight=4.0
    )
    found = debate(
        [
            replace(GOOD, edge_bps=9.0, regime_right=50, drawdown_bps=50.0),
            replace(GOOD, engine="b"),
        ],
        {("a", "b"): 0.7},
        settings,
    )["a"]
    assert found.score == pytest.approx((1 * 0.5 + 2 * 0.4 + 3 * 0.3 + 4 * 0.75) / 10)
    defaults = debate([replace(GOOD, edge_bps=9.0, drawdown_bps=50.0)], {}, SETTINGS)["a"]
    assert defaults.score == pytest.approx(0.4 * 0.5 + 0.25 + 0.2 + 0.15 * 0.75)


def test_arguments_at_their_edges() -> None:
    settings = DebateSettings(strong=0.75, weak=0.25)
    assert rules(one(settings, drawdown_bps=50.0))["drawdown"] == "for"
    assert "drawdown" not in rules(one(settings, drawdown_bps=50.1))
    assert "drawdown" not in rules(one(settings, drawdown_bps=149.9))
    assert rules(one(settings, drawdown_bps=150.0))["drawdown"] == "against"
    assert "short_record" not in rules(one(regime_outcomes=30, regime_right=20))
    assert rules(one(regime_outcomes=29, regime_right=20))["short_record"] == "against"
    refused = one(approved=False)
    assert rules(refused)["not_approved"] == "against"
    assert rules(refused)["regime_fit"] == "against"


def test_an_argument_says_what_it_saw() -> None:
    said = {
        a.rule: a for a in one(edge_bps=4.5, drawdown_bps=300.0, regime_outcomes=8, regime_right=4).arguments
    }
    assert said["alpha"].text == "edge after costs is 0.50 bps"
    assert (said["alpha"].engine, said["alpha"].value, said["alpha"].bound) == ("a", 0.05, 0.4)
    assert said["drawdown"].text == "300.0 bps below its peak"
    assert said["short_record"].text == "8 outcomes in this regime, 30 wanted"
    assert (said["short_record"].value, said["short_record"].bound) == (8, 30)
    assert said["regime_fit"].text == "right in 50.0% of this regime's votes"
    assert said["diversification"].text == "errors correlate 0.00 with 0 ally(s)"
    assert said["diversification"].bound == 0.6


@settings(max_examples=150, deadline=None)
@given(
    edge=st.floats(-1e3, 1e3),
    cost=st.floats(0, 100),
    outcomes=st.integers(0, 500),
    depth=st.floats(0, 1e4),
    alike=st.floats(-1, 1),
    better=st.floats(0, 100),
)
def test_scores_stay_in_the_unit_interval_and_rise_with_the_evidence(
    edge: float, cost: float, outcomes: int, depth: float, alike: float, better: float
) -> None:
    base = replace(
        GOOD,
        edge_bps=edge,
        cost_bps=cost,
        regime_outcomes=outcomes,
        regime_right=outcomes // 2,
        drawdown_bps=depth,
    )
    other = replace(GOOD, engine="b")

    def score(evidence: Evidence, correlation: float = alike) -> float:
        standing = debate([evidence, other], {("a", "b"): correlation}, SETTINGS)["a"]
        for value in (standing.alpha, standing.regime_fit, standing.diversification, standing.drawdown):
            assert 0 <= value <= 1
        return standing.score

    start = score(base)
    assert 0 <= start <= 1
    assert score(replace(base, edge_bps=edge + better)) >= start
    assert score(replace(base, cost_bps=cost + better)) <= start
    assert score(replace(base, drawdown_bps=depth + better)) <= start
    assert score(base, 0.0) >= start


def test_evidence_that_makes_no_sense_is_refused() -> None:
    for bad in (math.nan, math.inf):
        for name in ("edge_bps", "cost_bps", "drawdown_bps"):
            with pytest.raises(DataError, match=name):
                one(**{name: bad})
    with pytest.raises(DataError, match="drawdown_bps"):
        one(drawdown_bps=-1.0)
    with pytest.raises(UsageError, match="side"):
        one(side=0)
    with pytest.raises(UsageError, match="regime_outcomes"):
        one(regime_outcomes=3, regime_right=4)
    with pytest.raises(UsageError, match="regime_right"):
        one(regime_right=-1)
    with pytest.raises(UsageError, match="occurs twice"):
        debate([GOOD, GOOD], {}, SETTINGS)
    with pytest.raises(DataError, match="correlation of 'a' and 'b'"):
        debate([GOOD, replace(GOOD, engine="b")], {("a", "b"): 1.1}, SETTINGS)
    assert debate([], {}, SETTINGS) == {}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"regime_low": 0.6}, "regime_low"),
        ({"weak": 0.6}, "weak is not below"),
        (
            dict.fromkeys(
                ["alpha_weight", "regime_weight", "diversification_weight", "drawdown_weight"], 0.0
            ),
            "all weights",
        ),
    ],
)
def test_settings_that_do_not_fit(changed: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DebateSettings(**changed)


# --- Critic ---------------------------------------------------------------------------------------------------------


class Says:
    def __init__(self, *remarks: Any) -> None:
        self.remarks = remarks

    def review(self, trace: int, standings: Mapping[str, Standing]) -> Sequence[Any]:
        assert isinstance(standings, dict)
        standings.clear()  # Whatever it does to what it was given stays with it.
        return self.remarks


def standings() -> dict[str, Standing]:
    return debate([GOOD], {}, SETTINGS)


def test_without_a_critic_nothing_is_said() -> None:
    assert ask(None, 7, standings(), SETTINGS) == Review(7, "absent")


def test_remarks_become_arguments_and_change_no_score() -> None:
    before = standings()
    review = ask(Says(Remark("a", "against", "x" * 600)), 7, before, SETTINGS)
    assert (review.trace, review.status, review.detail) == (7, "answered", "")
    (argument,) = review.arguments
    assert (argument.engine, argument.stance, argument.rule) == ("a", "against", "critic")
    assert argument.text == "x" * 500
    assert (argument.value, argument.bound) == (None, None)
    assert before == standings()


def test_nonsense_is_left_out_and_the_rest_capped() -> None:
    good = [Remark("a", "for", str(k)) for k in range(12)]
    review = ask(
        Says(Remark("z", "for", "?"), Remark("a", "maybe", "?"), "text", *good), 1, standings(), SETTINGS
    )
    assert [a.text for a in review.arguments] == [str(k) for k in range(8)]
    assert ask(Says(*good), 1, standings(), DebateSettings(critic_arguments=0)).arguments == ()


def test_a_critic_that_fails_is_a_record() -> None:
    class Fails:
        def review(self, trace: int, standings: Mapping[str, Standing]) -> Sequence[Remark]:
            raise RuntimeError("no model")

    review = ask(Fails(), 3, standings(), SETTINGS)
    assert (review.status, review.detail, review.arguments) == ("failed", "RuntimeError: no model", ())
    assert ask(Says(), 3, standings(), SETTINGS).status == "answered"


def test_a_critic_that_hangs_holds_nothing_up() -> None:
    let_go = threading.Event()

    class Hangs:
        def review(self, trace: int, standings: Mapping[str, Standing]) -> Sequence[Remark]:
            let_go.wait(30)
            return [Remark("a", "for", "late")]

    begin = time.monotonic()
    review = ask(Hangs(), 3, standings(), DebateSettings(critic_timeout_s=0.05))
    assert time.monotonic() - begin < 5
    assert (review.status, review.arguments) == ("timed_out", ())
    assert review.detail == "no answer within 0.05 s"
    let_go.set()


def test_a_record_says_the_same_again() -> None:
    review = ask(Says(Remark("a", "against", "thin book"), Remark("a", "for", "b")), 7, standings(), SETTINGS)
    recorded = RecordedCritic([review, Review(8, "timed_out")])
    assert ask(recorded, 7, standings(), SETTINGS) == review
    assert ask(recorded, 8, standings(), SETTINGS).arguments == ()
    assert ask(recorded, 9, standings(), SETTINGS).arguments == ()
