"""From votes to calibrated signals, and what became of each vote."""

from aurora.signal.bandit import Hedge, confidence_weights, upper_confidence
from aurora.signal.beta import BetaCalibration
from aurora.signal.binning import Bin, BinTable, bin_table
from aurora.signal.bootstrap import (
    BootstrapInterval,
    bootstrap_interval,
    optimal_block_length,
    resampled_means,
)
from aurora.signal.brier import BrierParts, brier_parts, brier_score, brier_skill, log_loss
from aurora.signal.calibration_error import NullError, expected_calibration_error, null_calibration_error
from aurora.signal.calibration_monitor import CalibrationMonitor, CalibrationReport, check_calibration
from aurora.signal.calibrator import (
    Calibrator,
    calibrator_from_state,
    make_calibrator,
    recommended_method,
)
from aurora.signal.committee import Circumstances, Committee, SampleRows, trace_id
from aurora.signal.conformal import AdaptiveConformal, SplitConformal, conformal_classes, conformal_rank
from aurora.signal.consensus_gate import Consensus, ConsensusGate, Judgements, Opinion, consensus_score
from aurora.signal.consensus_weights import ConsensusWeights, consensus_weights, minimum_variance_weights
from aurora.signal.critic import Critic, RecordedCritic, Remark, Review, ask
from aurora.signal.debate import Argument, Evidence, Standing, debate
from aurora.signal.error_correlation import ErrorCorrelation, signed_error
from aurora.signal.folds import Fold, out_of_fold, time_ordered_folds
from aurora.signal.influence import blend, influence
from aurora.signal.intervals import Interval, wilson_interval
from aurora.signal.isotonic import IsotonicCalibration
from aurora.signal.platt import PlattScaling
from aurora.signal.regime_learning import Performance, RegimeLearning, reward
from aurora.signal.reliability import Reliability
from aurora.signal.resolution import OpenVote, OpenVotes, ResolvedVote
from aurora.signal.rolling_calibration import RollingCalibration
from aurora.signal.settings import (
    CalibrationSettings,
    ConsensusSettings,
    DebateSettings,
    LearningSettings,
    MonitorSettings,
    ReliabilitySettings,
    SignalSettings,
    VolatilityGateSettings,
)
from aurora.signal.teaching import Lesson, Teaching
from aurora.signal.thinning import Thinning
from aurora.signal.venn_abers import VennAbersCalibration
from aurora.signal.volatility_gate import VolatilityGate, VolatilityReading

__all__ = [
    "AdaptiveConformal",
    "Argument",
    "BetaCalibration",
    "Bin",
    "BinTable",
    "BootstrapInterval",
    "BrierParts",
    "CalibrationMonitor",
    "CalibrationReport",
    "CalibrationSettings",
    "Calibrator",
    "Circumstances",
    "Committee",
    "Consensus",
    "ConsensusGate",
    "ConsensusSettings",
    "ConsensusWeights",
    "Critic",
    "DebateSettings",
    "ErrorCorrelation",
    "Evidence",
    "Fold",
    "Hedge",
    "Interval",
    "IsotonicCalibration",
    "Judgements",
    "LearningSettings",
    "Lesson",
    "MonitorSettings",
    "NullError",
    "OpenVote",
    "OpenVotes",
    "Opinion",
    "Performance",
    "PlattScaling",
    "RecordedCritic",
    "RegimeLearning",
    "Reliability",
    "ReliabilitySettings",
    "Remark",
    "ResolvedVote",
    "Review",
    "RollingCalibration",
    "SampleRows",
    "SignalSettings",
    "SplitConformal",
    "Standing",
    "Teaching",
    "Thinning",
    "VennAbersCalibration",
    "VolatilityGate",
    "VolatilityGateSettings",
    "VolatilityReading",
    "ask",
    "bin_table",
    "blend",
    "bootstrap_interval",
    "brier_parts",
    "brier_score",
    "brier_skill",
    "calibrator_from_state",
    "check_calibration",
    "confidence_weights",
    "conformal_classes",
    "conformal_rank",
    "consensus_score",
    "consensus_weights",
    "debate",
    "expected_calibration_error",
    "influence",
    "log_loss",
    "make_calibrator",
    "minimum_variance_weights",
    "null_calibration_error",
    "optimal_block_length",
    "out_of_fold",
    "recommended_method",
    "resampled_means",
    "reward",
    "signed_error",
    "time_ordered_folds",
    "trace_id",
    "upper_confidence",
    "wilson_interval",
]
