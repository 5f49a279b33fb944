"""An error names the argument, or the place in a column, that is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aurora.errors import AuroraError
from aurora.signal import (
    AdaptiveConformal,
    BetaCalibration,
    CalibrationMonitor,
    CalibrationSettings,
    ConsensusSettings,
    DebateSettings,
    ErrorCorrelation,
    Evidence,
    Hedge,
    IsotonicCalibration,
    LearningSettings,
    MonitorSettings,
    OpenVote,
    OpenVotes,
    Opinion,
    PlattScaling,
    RegimeLearning,
    Reliability,
    ReliabilitySettings,
    RollingCalibration,
    SplitConformal,
    VennAbersCalibration,
    VolatilityGate,
    VolatilityGateSettings,
    bin_table,
    blend,
    bootstrap_interval,
    brier_score,
    brier_skill,
    conformal_classes,
    conformal_rank,
    consensus_score,
    consensus_weights,
    debate,
    influence,
    log_loss,
    minimum_variance_weights,
    null_calibration_error,
    optimal_block_length,
    out_of_fold,
    resampled_means,
    reward,
    signed_error,
    time_ordered_folds,
    upper_confidence,
    wilson_interval,
)

NAN = math.nan
CALIBRATORS = (BetaCalibration, IsotonicCalibration, PlattScaling, VennAbersCalibration)
EVIDENCE = Evidence(
    engine="a",
    side=1,
    edge_bps=1.0,
    cost_bps=0.0,
    approved=True,
    regime_outcomes=0,
    regime_right=0,
    drawdown_bps=0.0,
)
VOTE = OpenVote(
    trace=1,
    engine="a",
    instrument="x",
    regime="trend",
    decided_ns=1,
    due_ns=2,
    side=1,
    score=0.5,
    p=0.6,
    mid=100.0,
)


def argued(**changed: Any) -> Any:
    return debate([replace(EVIDENCE, **changed)], {}, DebateSettings())


def correlated(value: float) -> Any:
    return debate([EVIDENCE, replace(EVIDENCE, engine="b")], {("a", "b"): value}, DebateSettings())


def added(**changed: Any) -> Any:
    return OpenVotes().add(replace(VOTE, **changed))


def seen(average_true_range: float, price: float) -> Any:
    return VolatilityGate(VolatilityGateSettings()).learn(average_true_range, price)


def fitted(kind: Any) -> Any:
    made = kind()
    made.fit([0.1, 0.2, 0.4, 0.6, 0.8, 0.9], [0, 1, 0, 1, 0, 1])
    return made


CALLS: list[tuple[str, Callable[[], Any]]] = [
    ("mean is nan", lambda: upper_confidence(NAN, 1, 1)),
    ("count is nan", lambda: upper_confidence(0.5, NAN, 1)),
    ("total is nan", lambda: upper_confidence(0.5, 1, NAN)),
    ("rate is nan", lambda: Hedge(["a"], NAN)),
    ("share is nan", lambda: Hedge(["a"], 0.1, NAN)),
    ("rewards['a'] is nan", lambda: Hedge(["a"], 0.1).learn({"a": NAN})),
    ("bins is 0", lambda: bin_table([0.5], [1], 0)),
    ("p[0] is nan", lambda: bin_table([NAN], [1])),
    ("right[0] is 2.0", lambda: bin_table([0.5], [2])),
    ("p has 1 values and right 2", lambda: brier_score([0.5], [1, 0])),
    ("series[1] is nan", lambda: optimal_block_length([1.0, NAN])),
    ("draws is 0", lambda: resampled_means([[1.0]], block_length=1, draws=0)),
    ("block_length is nan", lambda: resampled_means([[1.0]], block_length=NAN)),
    ("columns[1][0] is nan", lambda: resampled_means([[1.0], [NAN]], block_length=1)),
    ("columns[0] has 1 values and columns[1] 2", lambda: resampled_means([[1.0], [1, 2]], block_length=1)),
    ("columns[1][0] is nan", lambda: bootstrap_interval([[1.0], [NAN]], lambda a, b: a)),
    ("level is nan", lambda: bootstrap_interval([[1.0]], lambda a: a, level=NAN)),
    ("reference is nan", lambda: brier_skill([0.5], [1], NAN)),
    ("floor is nan", lambda: log_loss([0.5], [1], NAN)),
    ("p[0] is nan", lambda: null_calibration_error([NAN])),
    ("level is nan", lambda: null_calibration_error([0.5], level=NAN)),
    ("draws is 0", lambda: null_calibration_error([0.5], draws=0)),
    ("p is nan", lambda: CalibrationMonitor(MonitorSettings()).learn(NAN, True)),
    ("miss_rate is nan", lambda: conformal_rank(10, NAN)),
    ("errors[0] is nan", lambda: SplitConformal([NAN])),
    ("miss_rate is nan", lambda: SplitConformal([1.0]).half_width(NAN)),
    ("forecast is nan", lambda: SplitConformal([1.0] * 10).interval(NAN, 0.5)),
    ("step is nan", lambda: AdaptiveConformal(0.1, NAN)),
    ("p_right is nan", lambda: conformal_classes(NAN, [0.5], 0.1)),
    ("calibration[0] is nan", lambda: conformal_classes(0.5, [NAN], 0.1)),
    ("weight of 'a' is nan", lambda: consensus_score({"a": Opinion(1, 0.6)}, {"a": NAN})),
    ("p of 'a' is nan", lambda: consensus_score({"a": Opinion(1, NAN)}, {"a": 1.0})),
    ("matrix[0][1] is nan", lambda: minimum_variance_weights([[1.0, NAN], [NAN, 1.0]])),
    ("reliability['a'] is nan", lambda: consensus_weights([[1.0]], {"a": NAN})),
    ("correlation[0][0] is nan", lambda: consensus_weights([[NAN]], {"a": 1.0})),
    ("regime_right of 'a' is -1", lambda: argued(regime_right=-1)),
    ("regime_outcomes of 'a' is 1", lambda: argued(regime_right=2, regime_outcomes=1)),
    ("edge_bps is nan", lambda: argued(edge_bps=NAN)),
    ("cost_bps is nan", lambda: argued(cost_bps=NAN)),
    ("drawdown_bps is nan", lambda: argued(drawdown_bps=NAN)),
    ("correlation of 'a' and 'b' is nan", lambda: correlated(NAN)),
    ("p is nan", lambda: signed_error(1, NAN, True)),
    ("errors['a'] is nan", lambda: ErrorCorrelation(["a"], ConsensusSettings()).learn({"a": NAN})),
    ("decided_ns has 1 values and due_ns 2", lambda: time_ordered_folds([1], [2, 3], 1)),
    ("folds is 0", lambda: time_ordered_folds([1], [2], 0)),
    ("max_train is 0", lambda: time_ordered_folds([1, 3], [2, 4], 1, max_train=0)),
    ("scores[0] is nan", lambda: out_of_fold(PlattScaling, [NAN], [1], [])),
    ("right[0] is 2.0", lambda: out_of_fold(PlattScaling, [0.5], [2], [])),
    ("scores has 1 values and right 2", lambda: out_of_fold(PlattScaling, [0.5], [1, 0], [])),
    ("min_train is 0", lambda: out_of_fold(PlattScaling, [0.5], [1], [], min_train=0)),
    ("outcomes is -1", lambda: influence(-1)),
    ("prior['a'] is nan", lambda: blend({"a": NAN}, {"a": 0.5}, {"a": 0.5})),
    ("learnt['a'] is nan", lambda: blend({"a": 0.5}, {"a": NAN}, {"a": 0.5})),
    ("shares['a'] is nan", lambda: blend({"a": 0.5}, {"a": 0.5}, {"a": NAN})),
    ("level is nan", lambda: wilson_interval(1, 2, NAN)),
    ("return_bps is nan", lambda: reward(1, NAN, 1)),
    ("scale_bps is nan", lambda: reward(1, 1, NAN)),
    ("scale_bps is 0.0", lambda: reward(1, 1, 0)),
    ("rewards['a'] is nan", lambda: RegimeLearning(["a"], LearningSettings()).learn("trend", {"a": NAN})),
    ("p is nan", lambda: Reliability(ReliabilitySettings()).learn(NAN, True, 1)),
    ("mid is nan", lambda: added(mid=NAN)),
    ("p is nan", lambda: added(p=NAN)),
    ("score is nan", lambda: RollingCalibration(CalibrationSettings()).learn(NAN, True)),
    ("average_true_range is nan", lambda: seen(NAN, 1)),
    ("price is nan", lambda: seen(1, NAN)),
    *[
        row
        for kind in CALIBRATORS
        for row in (
            ("scores[0] is nan", lambda kind=kind: kind().fit([NAN, 1.0], [1, 0])),
            ("right[1] is 2.0", lambda kind=kind: kind().fit([0.5, 0.6], [1, 2])),
            ("scores has 1 values and right 2", lambda kind=kind: kind().fit([0.5], [1, 0])),
            ("scores[0] is nan", lambda kind=kind: fitted(kind).predict([NAN])),
        )
    ],
]


@pytest.mark.parametrize(("told", "call"), CALLS, ids=[f"{i} {told}" for i, (told, _) in enumerate(CALLS)])
def test_the_argument_is_named(told: str, call: Callable[[], Any]) -> None:
    with pytest.raises(AuroraError, match=f"^{re.escape(told)}"):
        call()
